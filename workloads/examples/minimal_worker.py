import hashlib, json, os, sys, threading, time
request = json.loads(os.environ["JOULEBENCH_RUN"])
may_go, stopped, requests = threading.Event(), threading.Event(), 0
def mark(kind, **fields):
    print(json.dumps({"mark": kind, "at_ns": time.monotonic_ns(), **fields}), flush=True)
def listen():
    for line in sys.stdin:
        (may_go if json.loads(line)["command"] == "go" else stopped).set()
    stopped.set(), may_go.set()  # nobody is left to say "stop"
def hash_once():  # about 0.2 s of one CPU core
    return hashlib.pbkdf2_hmac("sha256", b"joule", str(request["input_seed"]).encode(), 300_000).hex()
threading.Thread(target=listen, daemon=True).start()
warm_at, digest = time.monotonic() + request["warmup_s"], hash_once()
while time.monotonic() < warm_at: hash_once()
mark("ready", worker={"name": "minimal 1", "engine": "hashlib", "device": "cpu", "weights": "none", "output_phase": "hash", "unit": "request"})
while (stopped.is_set() or may_go.wait()) and not stopped.is_set():
    mark("begin", phase="hash")
    digest, requests = hash_once(), requests + 1
    mark("end", phase="hash", work=1)
mark("done", work=requests, digest=digest, quality={})
