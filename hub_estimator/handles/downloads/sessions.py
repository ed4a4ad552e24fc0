"""Connections to web servers: certificates, proxies, encryption."""

from __future__ import annotations

import os
import urllib.parse

from absl import logging

from hub_estimator.handles import settings

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DISABLED_FOR_ALL = "TFHUB_DISABLE_CERT_VALIDATION"


def session():
  """Returns a `requests.Session` as the settings want it.

  Certificates are checked, but for the hosts that TFHUB_INSECURE_HOSTS names;
  they cannot be left unchecked for all hosts.
  """
  import requests
  from requests import adapters

  class UncheckedAdapter(adapters.HTTPAdapter):
    """Sends whatever the server's certificate is."""

    def send(self, request, *arguments, **options):
      options["verify"] = False
      return super().send(request, *arguments, **options)

  hosts, unchecked = settings.insecure_hosts(), UncheckedAdapter()

  class Session(requests.Session):
    """Chooses how to send for each address, those of redirects included."""

    def get_adapter(self, url):
      parts = urllib.parse.urlsplit(url)
      if parts.scheme == "https" and hosts & {parts.hostname, parts.netloc}:
        return unchecked
      return super().get_adapter(url)

  if os.environ.get(_DISABLED_FOR_ALL, "").lower() == "true":
    logging.log_first_n(
      logging.WARNING,
      "%s has no effect: certificates are checked. TFHUB_INSECURE_HOSTS names "
      "the hosts whose are not.",
      1,
      _DISABLED_FOR_ALL,
    )
  new = Session()
  # An archive is taken as it is stored; its checksum is that of these bytes.
  new.headers["Accept-Encoding"] = "identity"
  new.headers["User-Agent"] = "hub_estimator"
  return new


def warn_if_unencrypted(url: str) -> None:
  """Logs a warning for an address that anybody on the way can change."""
  parts = urllib.parse.urlsplit(url)
  if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
    logging.warning(
      "%s is not encrypted: whoever is on the way can change the module, which "
      "is a program. Use https if the server has it.",
      url,
    )
