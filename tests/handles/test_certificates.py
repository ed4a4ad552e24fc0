"""Certificates are checked, but for named hosts."""

import ssl

import pytest
import trustme
import web_server

from hub_estimator.handles import downloads

CONTENT = b"\x00module"
_SETTINGS = downloads.Settings(tries=1, timeout_secs=20.0, max_bytes=1000)


@pytest.fixture(scope="module")
def authority():
  return trustme.CA()


@pytest.fixture
def secure_server(authority):
  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  authority.issue_cert("127.0.0.1").configure_cert(context)
  running = web_server.WebServer(context)
  yield running
  running.close()


@pytest.fixture
def download(tmp_path, settings):
  settings.delenv("REQUESTS_CA_BUNDLE", raising=False)
  settings.delenv("CURL_CA_BUNDLE", raising=False)

  def run(url):
    path = tmp_path / "file"
    downloads.download(url, str(path), "the/handle", _SETTINGS)
    return path.read_bytes()

  return run


def test_an_unknown_certificate_is_refused(secure_server, download):
  url = secure_server.serve("/m", CONTENT)
  with pytest.raises(downloads.RefusedError, match="certificate") as raised:
    download(url)
  assert "REQUESTS_CA_BUNDLE" in str(raised.value)
  assert "TFHUB_INSECURE_HOSTS=127.0.0.1" in str(raised.value)


def test_it_cannot_be_accepted_for_all_hosts(secure_server, download, settings):
  settings.setenv("TFHUB_DISABLE_CERT_VALIDATION", "true")
  with pytest.raises(downloads.RefusedError, match="certificate"):
    download(secure_server.serve("/m", CONTENT))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_it_is_accepted_for_named_hosts(secure_server, download, settings):
  url = secure_server.serve("/m", CONTENT)
  settings.setenv("TFHUB_INSECURE_HOSTS", "models.test, 127.0.0.1")
  assert download(url) == CONTENT
  settings.setenv("TFHUB_INSECURE_HOSTS", "models.test 127.0.0.10")
  with pytest.raises(downloads.RefusedError, match="certificate"):
    download(url)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_named_host_does_not_vouch_for_where_it_redirects(
  secure_server, download, settings
):
  place = secure_server.serve("/m", CONTENT).replace("127.0.0.1", "localhost")
  secure_server.answers["/start"] = web_server.redirect(place)
  settings.setenv("TFHUB_INSECURE_HOSTS", "127.0.0.1")
  with pytest.raises(downloads.RefusedError, match="certificate"):
    download(f"{secure_server.url}/start")


def test_certificates_of_a_file_are_trusted(
  secure_server, download, settings, authority, tmp_path
):
  bundle = tmp_path / "trusted.pem"
  authority.cert_pem.write_to_path(str(bundle))
  settings.setenv("REQUESTS_CA_BUNDLE", str(bundle))
  assert download(secure_server.serve("/m", CONTENT)) == CONTENT


def test_encryption_is_not_given_up_on_the_way(
  secure_server, server, download, settings, authority, tmp_path
):
  bundle = tmp_path / "trusted.pem"
  authority.cert_pem.write_to_path(str(bundle))
  settings.setenv("REQUESTS_CA_BUNDLE", str(bundle))
  place = server.serve("/m", CONTENT)
  secure_server.answers["/start"] = web_server.redirect(place)
  with pytest.raises(downloads.RefusedError, match="not encrypted"):
    download(f"{secure_server.url}/start")
