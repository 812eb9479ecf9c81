#!/usr/bin/env bash
# Starts a CUDA worker with the CUDA libraries of this machine in front of it.
#
# The worker is linked against empty stubs (see build.sh), so it names no CUDA library itself and
# does not start unless the real ones are preloaded, not even to work on the CPU.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: workloads/cuda/run.sh BINARY [ARGUMENTS]

Finds libcudart, libcublas, libcublasLt, libcurand and libnvrtc in the Python packages of
python3 (nvidia-cublas and the like, as PyTorch installs them), below CUDA_HOME, in
/usr/local/cuda, or where the dynamic linker looks; finds libcuda beside the driver, and
libcudnn, which only models with convolutions need, where it is there; then replaces itself
with BINARY.

Environment:
  JOULEBENCH_CUDA_LIBRARIES   folder to look in first
USAGE
}

case "${1:-}" in
    "") usage >&2; exit 2 ;;
    -h | --help) usage; exit 0 ;;
esac
binary="$1"
if [[ ! -x "$binary" ]]; then
    echo "run.sh: '$binary' is no program; build it with workloads/cuda/build.sh, unpack it with xz -dk, and chmod +x it" >&2
    exit 1
fi

folders=()
[[ -n "${JOULEBENCH_CUDA_LIBRARIES:-}" ]] && folders+=("$JOULEBENCH_CUDA_LIBRARIES")
# Packages are looked up as folders: importing them would take seconds.
while IFS= read -r site; do
    folders+=("$site"/nvidia/cu13/lib "$site"/nvidia/*/lib)
done < <(python3 -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("-packages")))' 2>/dev/null || true)
[[ -n "${CUDA_HOME:-}" ]] && folders+=("$CUDA_HOME/lib64" "$CUDA_HOME/lib")
folders+=(
    /usr/local/cuda/lib64 /usr/local/cuda/targets/x86_64-linux/lib
    /usr/local/nvidia/lib64 /usr/local/nvidia/lib
    /usr/lib/x86_64-linux-gnu /usr/lib64
)

# Prints the path of a library, or fails.
find_library() {
    local folder
    for folder in "${folders[@]}"; do
        if [[ -e "$folder/$1" ]]; then
            echo "$folder/$1"
            return
        fi
    done
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | awk -v name="$1" '$1 == name { print $NF; found = 1; exit } END { exit !found }'
}

preload=()
search=()
for library in libcuda.so.1 libcudart.so.13 libnvrtc.so.13 libcublasLt.so.13 libcublas.so.13 libcurand.so.10; do
    if ! path="$(find_library "$library")"; then
        echo "run.sh: $library was not found; install the NVIDIA driver (libcuda) or 'pip install nvidia-cuda-runtime nvidia-cuda-nvrtc nvidia-cublas nvidia-curand' (the others), or name their folder in JOULEBENCH_CUDA_LIBRARIES" >&2
        exit 1
    fi
    preload+=("$path")
    search+=("$(dirname "$path")")
done

# The worker looks for cuDNN by name when the first convolution runs; nothing else needs it.
if path="$(find_library libcudnn.so.9)"; then
    search+=("$(dirname "$path")")
fi

join() { local IFS=:; echo "$*"; }
# The libraries load parts of themselves by name, so their folders are searched as well.
export LD_LIBRARY_PATH="$(join "${search[@]}")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# `exec env` keeps the preloaded libraries out of this shell's own helpers.
exec env LD_PRELOAD="$(join "${preload[@]}")${LD_PRELOAD:+:$LD_PRELOAD}" "$@"
