#!/usr/bin/env bash
# Builds the CUDA worker on a machine without a GPU, a driver or the CUDA toolkit.
#
# The compiler comes from NVIDIA's wheels on PyPI. The libraries that only exist beside a driver
# are replaced by empty stubs at link time, so the binary has to be started through run.sh, which
# puts the real ones in front of it.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: workloads/cuda/build.sh [--help]

Builds joulebench-worker with the `cuda` feature into target-cuda/:
  target-cuda/joulebench-worker-cuda      stripped binary
  target-cuda/joulebench-worker-cuda.xz   the same, packed for the way to a GPU machine

Needs cargo, g++, python3 with pip, unzip, xz, and the network once (about 130 MB of wheels).
The first build takes about 8 minutes on two cores; later ones only relink.

Environment:
  CUDA_COMPUTE_CAP   GPU generation the kernels are compiled for, without the dot (default 90:
                     H100, H200; 80: A100; 89: L4, RTX 4090). The binary runs on that one only.
  CARGO_TARGET_DIR   build folder (default target-cuda)

Start the result on a GPU machine with: workloads/cuda/run.sh BINARY [ARGUMENTS]
USAGE
}

case "${1:-}" in
    "") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "build.sh: unknown argument '$1'; see build.sh --help" >&2; exit 2 ;;
esac

for tool in cargo g++ python3 unzip xz strip; do
    if ! command -v "$tool" >/dev/null; then
        echo "build.sh: '$tool' is missing; on Debian or Ubuntu: apt-get install build-essential python3-pip unzip xz-utils (cargo: rustup.rs)" >&2
        exit 1
    fi
done

cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-$PWD/target-cuda}"
mkdir -p "$target"
target="$(cd "$target" && pwd)"
toolchain="$target/toolchain"
stubs="$toolchain/stubs"
cuda="$toolchain/nvidia/cu13"

# CUDA 13.0: the newest whose PTX the R580 driver still compiles.
wheels=(
    nvidia-cuda-nvcc==13.0.88
    nvidia-cuda-crt==13.0.88
    nvidia-nvvm==13.0.88
    nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85
)

if [[ ! -f "$toolchain/complete" ]]; then
    echo "build.sh: fetching the CUDA compiler (once)" >&2
    mkdir -p "$toolchain/wheels" "$stubs"
    python3 -m pip download --quiet --no-deps --dest "$toolchain/wheels" "${wheels[@]}"
    for wheel in "$toolchain"/wheels/*.whl; do
        unzip -q -o "$wheel" -d "$toolchain"
    done
    # Wheels carry no permission bits for programs.
    find "$cuda/bin" "$cuda/nvvm/bin" -type f -exec chmod +x {} +

    stub() {
        g++ -shared -x c /dev/null -Wl,-soname,"lib$1.so.$2" -o "$stubs/lib$1.so"
    }
    stub cuda 1
    stub curand 10
    for library in cublas cublasLt cudart nvrtc; do
        stub "$library" 13
    done
    touch "$toolchain/complete"
fi

export CUDA_HOME="$cuda" CUDA_ROOT="$cuda" CUDA_PATH="$cuda" NVCC="$cuda/bin/nvcc"
export PATH="$cuda/bin:$PATH"
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-90}"
export CUDARC_CUDA_VERSION=13000
export LIBRARY_PATH="$stubs${LIBRARY_PATH:+:$LIBRARY_PATH}"
export CARGO_TARGET_DIR="$target"
# The symbols of the stubs are found at start-up, in the libraries that run.sh preloads.
export RUSTFLAGS="-L $stubs -C link-arg=-Wl,--unresolved-symbols=ignore-all"

cargo build --locked --package workloads --bin joulebench-worker --features cuda

binary="$target/joulebench-worker-cuda"
strip -o "$binary" "$target/debug/joulebench-worker"
xz --keep --force --threads=0 -2 "$binary"
ls -l "$binary" "$binary.xz"
