"""The Studio as a web server: Gradio's pages, and the files of runs beside them."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from overpaint.errors import OverpaintError, RunError
from overpaint.plan.reading import MAX_BYTES
from overpaint.studio import html
from overpaint.studio.edit_page import edit_page
from overpaint.studio.report_page import report_page
from overpaint.studio.room import Room
from overpaint.studio.shelf import SHOWN
from overpaint.studio.try_page import try_page

__all__ = ["LOOPBACK", "listen", "serve", "web_app"]

FAREWELL = 2
"""Seconds that open pages are given when the Studio ends."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A report runs no script and loads nothing: said to the browser too, in case one was written by somebody else.
POLICY = "default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"


def web_app(room: Room, host: str = LOOPBACK[0]) -> Any:
    """The application. On loopback it answers to loopback's names alone, so that no other page can reach it by a name
    of its own that leads here (DNS rebinding).
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if host in LOOPBACK:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])

    @app.middleware("http")
    async def headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Content-Security-Policy", "frame-ancestors 'self'")
        return response

    @app.get("/runs/{run}/{name}")
    def file_of(run: str, name: str) -> Response:
        try:
            path = room.shelf.file(run, name)
        except RunError as error:
            return PlainTextResponse(str(error), status_code=404)
        kept = name in SHOWN or path.suffix == ".html"
        saved_as = None if kept else f"{run}-{name}"
        return FileResponse(path, filename=saved_as, headers={"Content-Security-Policy": POLICY})

    pages = _pages(room)
    mounted = gr.mount_gradio_app(
        app,
        pages,
        path="/",
        server_name=host,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        max_file_size=MAX_BYTES,
        show_error=True,
        css=html.stylesheet(),
        theme=_theme(),
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
    )
    # Whether a file that a request names was uploaded, Gradio asks only where it believes that it launched the pages.
    pages.has_launched = pages.is_running = True
    return mounted


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound; port 0 takes a free one.

    Raises:
        OverpaintError: the port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise OverpaintError(
            f"cannot listen on {host}, port {port} ({error.strerror}); choose another --port"
        ) from None
    return opened


def serve(room: Room, opened: socket.socket, host: str = LOOPBACK[0]) -> None:
    """Answer until interrupted; then let the running job stop at its next step."""
    room.worker.start()
    # Open pages hold a stream each, which would otherwise be waited for without end.
    config = uvicorn.Config(web_app(room, host), log_level="warning", timeout_graceful_shutdown=FAREWELL)
    try:
        uvicorn.Server(config).run(sockets=[opened])
    finally:
        room.worker.close()


def _theme() -> Any:
    """Gradio's own, its soft text dark enough to be read (4.5 to 1)."""
    soft = {"body_text_color_subdued": "*neutral_600", "block_info_text_color": "*neutral_600"}
    dark = {f"{name}_dark": "*neutral_300" for name in soft}
    return gr.themes.Default().set(**soft, **dark)


def _pages(room: Room) -> gr.Blocks:
    with gr.Blocks(title="Overpaint Studio", analytics_enabled=False) as pages:
        gr.HTML(html.filled("heading.html.j2", model=room.bench.model))
        with gr.Tabs():
            with gr.Tab("Edit"):
                edit_page(room)
            with gr.Tab("Try") as trying:
                try_page(room, trying)
            with gr.Tab("Report") as reporting:
                report_page(room, reporting)
    return pages
