//! That the emulator computes what a GPU would, and finds each kind of mistake.

use candle_core::{DType, Device, Result, Tensor};

use super::super::Argument::{Count, Extend, Read, Write};
use super::super::{Argument, Gpu, Kernel, is_available, on_emulated_gpu};

fn launch(kernel: &Kernel<'_>, arguments: &[Argument<'_>]) -> Result<()> {
    let any = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
    let gpu = Gpu::of(&any).expect("emulated");
    gpu.launch(kernel, arguments)
}

fn probe(name: &str) -> Kernel<'_> {
    Kernel::new("probes", name).threads(64)
}

/// 0, 1, 2, …
fn counting(count: u32) -> Tensor {
    Tensor::arange(0.0, count as f32, &Device::Cpu).unwrap()
}

fn zeros(count: usize, dtype: DType) -> Tensor {
    Tensor::zeros(count, dtype, &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().to_vec1().unwrap()
}

/// Runs a probe on 64 numbers and gives what it leaves in as many.
fn run(kernel: &Kernel<'_>) -> Result<Vec<f32>> {
    let (x, out) = (counting(64), zeros(64, DType::F32));
    on_emulated_gpu(|| launch(kernel, &[Read(&x), Write(&out), Count(40)]))?;
    Ok(numbers(&out))
}

#[test]
fn formats_round_as_candle_rounds() {
    if !is_available() {
        return;
    }
    // Ties, subnormal numbers, overflow, infinity, and a walk through all exponents.
    let mut values = vec![
        0.0,
        -0.0,
        65_504.0,
        65_519.0,
        65_520.0,
        -1e9,
        f32::INFINITY,
        3e38,
    ];
    values.extend([
        1.0 + 1.0 / 2048.0,
        1.0 + 3.0 / 2048.0,
        1.0 + 1.0 / 256.0,
        1.0 + 3.0 / 256.0,
    ]);
    let walk = (0..4000_u32).map(|i| f32::from_bits(0x3000_0000 + i * 0x0001_0f35));
    values.extend(walk.flat_map(|x| [x, -x]));
    let count = values.len();
    let x = Tensor::from_vec(values, count, &Device::Cpu).unwrap();
    let (halves, bfloats, back) = (
        zeros(count, DType::F16),
        zeros(count, DType::BF16),
        zeros(count, DType::F32),
    );
    let arguments = [
        Read(&x),
        Write(&halves),
        Write(&bfloats),
        Write(&back),
        Count(count),
    ];
    on_emulated_gpu(|| launch(&probe("rounds"), &arguments)).unwrap();
    let rounded = |dtype| numbers(&x.to_dtype(dtype).unwrap());
    assert_eq!(numbers(&halves), rounded(DType::F16));
    assert_eq!(numbers(&bfloats), rounded(DType::BF16));
    assert_eq!(numbers(&back), rounded(DType::F16));
}

#[test]
fn tensor_cores_multiply() {
    if !is_available() {
        return;
    }
    let matrix = |rows: usize, columns: usize, step: f32| -> Tensor {
        let values = (0..rows * columns).map(|i| ((i as f32 * step) % 7.0).floor() - 3.0);
        Tensor::from_vec(values.collect(), (rows, columns), &Device::Cpu).unwrap()
    };
    let (a, b) = (matrix(16, 16, 1.3), matrix(16, 8, 2.9));
    let halves = [&a, &b].map(|m| m.to_dtype(DType::F16).unwrap());
    let out = zeros(128, DType::F32);
    let kernel = probe("multiplies").threads(32);
    let arguments = [Read(&halves[0]), Read(&halves[1]), Write(&out)];
    on_emulated_gpu(|| launch(&kernel, &arguments)).unwrap();
    let expected = (a.matmul(&b).unwrap() + 1.0)
        .unwrap()
        .flatten_all()
        .unwrap();
    assert_eq!(numbers(&out), numbers(&expected));
}

#[test]
fn lanes_exchange() {
    if !is_available() {
        return;
    }
    let found = run(&probe("shuffles")).unwrap();
    for (i, found) in found.into_iter().enumerate() {
        let above = if i % 8 < 5 { i + 3 } else { i };
        // There are 11 multiples of three both in 0..32 and in 32..64.
        assert_eq!(found, ((i ^ 1) + 100 * above + 11_000) as f32, "thread {i}");
    }
}

#[test]
fn copies_arrive_and_fill_with_zeros() {
    if !is_available() {
        return;
    }
    let found = run(&probe("copies").shared(256)).unwrap();
    for (i, found) in found.into_iter().enumerate() {
        assert_eq!(found, if 63 - i < 40 { (63 - i) as f32 } else { 0.0 });
    }
}

#[test]
fn what_the_kernel_before_writes_is_nonsense_until_the_wait() {
    if !is_available() {
        return;
    }
    let (x, middle, early, late) = (
        counting(64),
        zeros(64, DType::F32),
        zeros(64, DType::F32),
        zeros(64, DType::F32),
    );
    on_emulated_gpu(|| -> Result<()> {
        let kernel = probe("copies").shared(256);
        launch(&kernel, &[Read(&x), Write(&middle), Count(63)])?;
        launch(
            &probe("reads_early"),
            &[Read(&middle), Write(&early), Write(&late)],
        )
    })
    .unwrap();
    assert_eq!(numbers(&late), numbers(&middle));
    // The first and the last number were zero before too.
    assert!(numbers(&early)[1..63].iter().all(|value| value.is_nan()));
}

#[test]
fn blocks_extend_a_cache_that_the_kernel_before_extended() {
    if !is_available() {
        return;
    }
    let (x, cache, out) = (counting(64), zeros(64, DType::F32), zeros(3, DType::F32));
    on_emulated_gpu(|| -> Result<()> {
        launch(
            &probe("writes_one_place"),
            &[Read(&x), Write(&cache), Count(0)],
        )?;
        let kernel = probe("extends").grid([3, 1, 1]);
        launch(&kernel, &[Extend(&cache), Write(&out)])
    })
    .unwrap();
    assert_eq!(
        numbers(&out),
        [7.0; 3],
        "nonsense before the wait, and 7 after it"
    );
    let expected = [0.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
    assert_eq!(numbers(&cache)[..12], expected);
}

#[test]
fn shared_memory_begins_as_nonsense() {
    if !is_available() {
        return;
    }
    let found = run(&probe("shared_is_not_written")).unwrap();
    assert!(found[0].is_nan() && found[1] == 1.0, "{found:?}");
}

/// Mistakes, and a part of the message that names each.
const MISTAKES: [(&str, &str); 31] = [
    (
        "reads_behind",
        "access 256 bytes from the begin of memory 0, which has 256 at emulation/probes.cu:",
    ),
    (
        "reads_in_front",
        "access -4 bytes from the begin of memory 0",
    ),
    (
        "writes_input",
        "write to memory 0, which was passed to be read at emulation/probes.cu:",
    ),
    (
        "takes_too_many_threads",
        "a block of 64 threads, at most 32",
    ),
    ("takes_no_const", "argument 0 is passed to be read"),
    (
        "takes_halves",
        "argument 0 points to 'f', its parameter to 'h'",
    ),
    ("takes_two", "takes 2 arguments and was given 3"),
    ("is_not_there", "there is no kernel of this name"),
    (
        "misses_block_barrier",
        "depends on the order in which threads run",
    ),
    (
        "misses_warp_barrier",
        "depends on the order in which threads run",
    ),
    (
        "depends_on_block_order",
        "depends on the order in which threads run",
    ),
    (
        "diverges",
        "32 threads, the first of them number 0, wait for the block at __syncthreads",
    ),
    (
        "meets_elsewhere",
        "__syncthreads meets thread 0 at another place, emulation/probes.cu:",
    ),
    (
        "returns_early",
        "24 threads, the first of them number 40, have returned",
    ),
    (
        "lanes_diverge",
        "32 threads, the first of them number 16, wait for the lanes 0xffffffff at",
    ),
    (
        "reads_lane_outside_mask",
        "lane 0 reads lane 16, which the mask 0xffff lacks",
    ),
    (
        "shuffles_outside_mask",
        "__shfl_sync by lane 16, which its mask 0xffff lacks",
    ),
    ("misaligns", "which is no multiple of 16 bytes"),
    ("misaligns_in_ptx", "load of 16 bytes at"),
    ("indexes_beyond_array", "index 4 of an array"),
    ("shifts_too_far", "shift by more bits than there are"),
    ("overflows", "a sum of signed integers overflows"),
    ("reads_null", "access through a null pointer"),
    (
        "shared_is_too_small",
        "in none of its tensors nor shared memory",
    ),
    (
        "copy_is_not_awaited",
        "depends on the order in which threads run",
    ),
    (
        "copy_is_not_committed",
        "depends on the order in which threads run",
    ),
    (
        "writes_where_copy_does",
        "shared memory was written while this cp.async to it was under way",
    ),
    ("copies_misaligned", "cp.async reads at"),
    (
        "loads_matrix_from_global",
        "ldmatrix reads at an address outside shared memory",
    ),
    (
        "writes_before_wait",
        "access to memory 1 before ptx::wait_for_previous()",
    ),
    ("never_waits", "no thread called ptx::wait_for_previous()"),
];

#[test]
fn each_mistake_is_found_and_named() {
    if !is_available() {
        return;
    }
    for (name, expected) in MISTAKES {
        let blocks = if name == "depends_on_block_order" {
            8
        } else {
            1
        };
        let shared_bytes = match name {
            "shared_is_too_small" => 128,
            _ => 256,
        };
        let kernel = probe(name).grid([blocks, 1, 1]).shared(shared_bytes);
        match run(&kernel) {
            Ok(out) => panic!("{name} was not found: {out:?}"),
            Err(error) => {
                let message = error.to_string();
                assert!(
                    message.contains(name) && message.contains(expected),
                    "{name}: {message}\nexpected: {expected}"
                );
            }
        }
    }
}

#[test]
fn bytes_just_behind_a_tensor_are_watched() {
    if !is_available() {
        return;
    }
    // 63 numbers end 4 bytes before a multiple of 16.
    let (x, out) = (counting(64), zeros(63, DType::F32));
    let arguments = [Read(&x), Write(&out), Count(64)];
    let error = on_emulated_gpu(|| launch(&probe("writes_just_behind"), &arguments)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("wrote just beyond memory 1 of 252 bytes"),
        "{error}"
    );
}

#[test]
fn a_view_is_all_that_a_kernel_may_touch() {
    if !is_available() {
        return;
    }
    let x = counting(200).narrow(0, 60, 64).unwrap();
    let whole = zeros(200, DType::F32);
    let out = whole.narrow(0, 100, 64).unwrap();
    let arguments = [Read(&x), Write(&out), Count(64)];
    on_emulated_gpu(|| launch(&probe("copies").shared(256), &arguments)).unwrap();
    let found = numbers(&whole);
    assert_eq!(
        (found[99], found[100], found[163], found[164]),
        (0.0, 123.0, 60.0, 0.0)
    );
    let error = on_emulated_gpu(|| launch(&probe("reads_behind"), &arguments)).unwrap_err();
    assert!(
        error.to_string().contains("memory 0, which has 256"),
        "{error}"
    );
}
