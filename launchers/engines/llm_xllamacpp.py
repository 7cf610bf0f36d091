# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "xllamacpp==2026.10.11549",
# ]
# ///
"""llama.cpp's own HTTP server (the API of llama-server) in this process, from the xllamacpp package."""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="llama.cpp with the API of llama-server", allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--ctx", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    # A client that goes away in prefill is noticed only between two batches. Measured: 128 costs no prefill time
    # against 256 or 512, and frees the slot in half or a quarter of their time; 2048 holds it for the whole prompt.
    parser.add_argument("--n-batch", type=int, default=128)
    parser.add_argument("--n-parallel", type=int, default=1)
    parser.add_argument("--n-gpu-layers", type=int, default=None, help="default: as many as fit")
    parser.add_argument("--cache-ram", type=int, default=512, help="MiB for prompts that lost the slot; 0 is none")
    return parser.parse_args()


def check_port(host: str, port: int) -> None:
    """Before seconds of loading, and because llama.cpp's own word on it is a stack of log lines."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            say(f"port {port} of {host} cannot be used ({error.strerror}); stop what uses it or choose another port")
            sys.exit(1)


def serve(args: argparse.Namespace) -> None:
    # A waiting thread that spins keeps its partner from the core: beside two busy programs that doubled each token.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.model_alias = {Path(args.model).stem}  # else every answer carries the path
    params.hostnames = [args.host]
    params.port = args.port
    params.n_ctx = args.ctx
    params.n_parallel = args.n_parallel
    params.n_batch = args.n_batch
    params.n_ubatch = min(args.n_batch, params.n_ubatch)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = args.threads
    if args.n_gpu_layers is not None:
        params.n_gpu_layers = args.n_gpu_layers
    params.cache_ram_mib = args.cache_ram
    params.endpoint_metrics = True
    params.use_jinja = True
    params.ui = False
    if key := os.environ.pop("GALACTUS_ENGINE_KEY", ""):
        # All but /health then wants the key. An origin that is no origin: no web page may read an answer.
        params.api_keys = [key]
        params.cors_origins, params.cors_origins_explicit = "", True
        params.cors_methods = params.cors_headers = ""
        params.cors_credentials = False
    server = xllamacpp.Server(params)  # its own threads answer /health with 503 until this returns
    devices = ", ".join(device["name"] for device in xllamacpp.get_device_info())
    say(f"llama.cpp loaded {Path(args.model).name}: {devices}, {args.threads} threads, context {args.ctx}")
    while server.listening_address:
        signal.pause()


def main() -> None:
    args = arguments()
    # TERM kills at once: nothing needs saving, and Python's handler would wait for the load to end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    check_port(args.host, args.port)
    try:
        serve(args)
    except Exception as error:  # a broken file, no memory: this process's end, in one line
        reason = " ".join(str(error).split()) or type(error).__name__
        file = Path(args.model)
        say(f"{file.name} could not be loaded ({reason}); run: console.py models verify {file.parent.name}")
        os._exit(1)


if __name__ == "__main__":
    main()
