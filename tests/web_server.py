"""A web server on the loopback interface that answers as a test says."""

import contextlib
import http.server
import ssl
import threading


class WebServer:
  """Serves `answers`: path without query -> function of the request handler.

  `requests` are the (path, headers) that came, in order.
  """

  def __init__(self, context=None):
    """Starts it.

    Args:
      context: an ssl.SSLContext to speak https.
    """
    self.answers, self.requests = {}, []
    server = self

    class Handler(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"

      def do_GET(self):
        server.requests.append((self.path, dict(self.headers)))
        answer = server.answers.get(self.path.partition("?")[0])
        if answer is None:
          send(self, b"not here", status=404)
        else:
          answer(self)

      def log_message(self, *_):
        pass

      def handle(self):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
          super().handle()

    class Server(http.server.ThreadingHTTPServer):
      daemon_threads = True
      request_queue_size = 256

    self._httpd = Server(("127.0.0.1", 0), Handler)
    if context:
      self._httpd.socket = context.wrap_socket(
        self._httpd.socket, server_side=True, do_handshake_on_connect=False
      )
    self._thread = threading.Thread(
      target=self._httpd.serve_forever, args=(0.01,)
    )
    self._thread.start()
    scheme = "https" if context else "http"
    self.url = f"{scheme}://127.0.0.1:{self._httpd.server_address[1]}"

  def close(self):
    self._httpd.shutdown()
    self._thread.join()
    self._httpd.server_close()

  def serve(self, path, content, **options):
    """Has a path answered with these bytes; returns its address."""
    self.answers[path] = lambda handler: send(handler, content, **options)
    return self.url + path

  def answer(self, path, *functions):
    """Has the n-th request of a path answered by the n-th function."""
    remaining = list(functions)

    def next_answer(handler):
      function = remaining.pop(0) if len(remaining) > 1 else remaining[0]
      function(handler)

    self.answers[path] = next_answer
    return self.url + path


def send(handler, content, status=200, length=None, headers=None, end=None):
  """Answers with bytes.

  Args:
    handler: the request's handler.
    content: the bytes.
    status: the status.
    length: what Content-Length says; the bytes' number if None, none if -1.
    headers: further header fields.
    end: how many of the bytes are sent before the connection is closed.
  """
  handler.send_response(status)
  length = len(content) if length is None else length
  if length >= 0:
    handler.send_header("Content-Length", str(length))
  else:
    handler.close_connection = True
  for name, value in (headers or {}).items():
    handler.send_header(name, value)
  handler.end_headers()
  handler.wfile.write(content if end is None else content[:end])
  if end is not None or length != len(content):
    handler.wfile.flush()
    handler.close_connection = True


def send_range(content, end=None, **headers):
  """Returns an answer that knows ranges, and breaks off before byte `end`."""

  def answer(handler):
    asked = handler.headers.get("Range")
    start = int(asked[len("bytes=") : -1]) if asked else 0
    rest = content[start:]
    fields = {"ETag": '"v1"', "Accept-Ranges": "bytes", **headers}
    if asked:
      fields["Content-Range"] = (
        f"bytes {start}-{len(content) - 1}/{len(content)}"
      )
    send(
      handler,
      rest,
      status=206 if asked else 200,
      headers=fields,
      end=None if end is None else max(0, end - start),
    )

  return answer


def redirect(place, status=302):
  """Returns an answer that sends a client to another address."""
  return lambda handler: send(
    handler, b"", status=status, headers={"Location": place}
  )
