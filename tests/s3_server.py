"""An S3 server on loopback for tests: moto's, with every write that comes to it written down.

The fixture ``s3`` gives it with the environment's variables set as a publisher would set them.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

REFUSED = (
    b"<Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our"
    b" records.</Message></Error>"
)


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changed something, in the order in which they were done; a removal has no body."""

    name: str
    body: bytes | None
    headers: dict[str, str]


@dataclass
class S3:
    """The server. Objects' names are told without the bucket."""

    url: str = ""
    bucket: str = "blog"
    writes: list[Write] = field(default_factory=list)
    reads: int = 0
    # Called before a write is done, with how many were done before.
    before_write: Callable[[int], None] = lambda _: None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._app: Any = None

    def serve(self, app: Any) -> "S3":
        """Stand before this application."""
        self._app = app
        return self

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if "Credential=WRONG" in environ.get("HTTP_AUTHORIZATION", ""):
            body = b"" if environ["REQUEST_METHOD"] == "HEAD" else REFUSED
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode()
        name = path.removeprefix(f"/{self.bucket}/")
        if method not in {"PUT", "DELETE"} or name == path:
            self.reads += 1
            answered: Iterable[bytes] = self._app(environ, start)
            return answered
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        with self._lock:
            self.before_write(len(self.writes))
            answer = list(self._app(environ, start))
            headers = {key: environ.get(key, "") for key in ("CONTENT_TYPE", "HTTP_CACHE_CONTROL")}
            headers["HTTP_CONTENT_ENCODING"] = environ.get("HTTP_CONTENT_ENCODING", "")
            self.writes.append(Write(name, body if method == "PUT" else None, headers))
        return answer

    def forget(self) -> None:
        """Count anew."""
        self.writes.clear()
        self.reads = 0

    def stored(self, below: str = "") -> dict[str, bytes]:
        """The objects below a prefix, by what their names say after it."""
        from moto.s3.models import s3_backends  # noqa: PLC0415 # where moto is missing the fixture skips

        keys = s3_backends["123456789012"]["aws"].buckets[self.bucket].keys
        return {name.removeprefix(below): keys[name].value for name in list(keys) if name.startswith(below)}

    def kill_at_write(self, pid: int, at: int) -> None:
        """Kill a process when it asks for its ``at``-th write from now on, which is not done any more."""

        def kill(done: int) -> None:
            if done + 1 >= at:
                os.kill(pid, signal.SIGKILL)
                raise ConnectionError("the client was killed")

        self.before_write = kill


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server with one empty bucket, and the environment that leads to it."""
    moto = pytest.importorskip(
        "moto.moto_server.werkzeug_app", reason="moto is missing: pip install 'moto[s3,server]'"
    )
    s3fs = pytest.importorskip("s3fs", reason="s3fs is missing: pip install 'labelcast[s3]'")
    serving = pytest.importorskip("werkzeug.serving", reason="werkzeug is missing: pip install werkzeug")
    quiet = type("Quiet", (serving.WSGIRequestHandler,), {"log": lambda *_: None})
    recorder = S3().serve(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = serving.make_server("127.0.0.1", 0, recorder, threaded=True, request_handler=quiet)
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    variables = {
        "AWS_ENDPOINT_URL": recorder.url,
        "AWS_ACCESS_KEY_ID": "publisher",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    at_work = threading.Thread(target=server.serve_forever, daemon=True)
    at_work.start()
    s3fs.S3FileSystem.clear_instance_cache()
    _reset(recorder)
    yield recorder
    s3fs.S3FileSystem.clear_instance_cache()
    server.shutdown()
    at_work.join()
    server.server_close()


def _reset(server: S3) -> None:
    from moto.s3.models import s3_backends  # noqa: PLC0415 # where moto is missing the fixture skips

    backend = s3_backends["123456789012"]["aws"]
    backend.reset()
    backend.create_bucket(quote(server.bucket), "us-east-1")
