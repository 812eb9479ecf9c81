//! A step as a CUDA graph.

#![allow(
    unsafe_code,
    reason = "looking at what was recorded is only possible through the driver's C interface"
)]

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUgraphInstantiate_flags, CUgraphNodeType, CUmemorytype, CUstreamCaptureMode,
};
use candle_core::cuda_backend::cudarc::driver::{CudaGraph, sys};
use candle_core::{Device, Error, Result, bail};

/// A recorded step on its device.
pub(super) struct Recorded {
    graph: CudaGraph,
    nodes: usize,
}

impl Recorded {
    /// Records what `step` does, without doing it.
    pub(super) fn new(device: &Device, step: &dyn Fn() -> Result<()>) -> Result<Self> {
        let Device::Cuda(gpu) = device else {
            bail!("a step can be recorded on a GPU only");
        };
        if gpu.is_event_tracking() {
            bail!(
                "a step cannot be recorded while events are tracked for each tensor; call \
                 ops::runtime::prepare before anything is allocated"
            );
        }
        let stream = gpu.cuda_stream();
        stream.synchronize().w()?;
        // Only this thread works on the device, so only its calls need to be watched.
        stream
            .begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .w()?;
        let taken = step();
        // Ends the recording whether or not the step went well; otherwise the stream stays unusable.
        let ended = stream.end_capture(CUgraphInstantiate_flags(0));
        taken.map_err(|error| Error::Msg(format!("the step cannot be recorded: {error}")))?;
        let graph = match ended {
            Ok(Some(graph)) => graph,
            Ok(None) => bail!("the step does nothing on the device's stream"),
            Err(error) => bail!(
                "the step cannot be recorded: {error}; it must not wait, copy from or to the host, \
                 or allocate"
            ),
        };
        let nodes = nodes(&graph)?;
        for node in &nodes {
            check(*node)?;
        }
        graph.upload().w()?;
        Ok(Self {
            graph,
            nodes: nodes.len(),
        })
    }

    pub(super) fn launch(&self) -> Result<()> {
        self.graph.launch().w()
    }

    pub(super) const fn nodes(&self) -> usize {
        self.nodes
    }
}

fn nodes(graph: &CudaGraph) -> Result<Vec<sys::CUgraphNode>> {
    let mut count = 0;
    // SAFETY: the graph is alive; without a list the call only counts.
    unsafe { sys::cuGraphGetNodes(graph.cu_graph(), null_mut(), &raw mut count) }
        .result()
        .w()?;
    let mut nodes = vec![null_mut(); count];
    // SAFETY: the list has room for as many nodes as were counted.
    unsafe { sys::cuGraphGetNodes(graph.cu_graph(), nodes.as_mut_ptr(), &raw mut count) }
        .result()
        .w()?;
    nodes.truncate(count);
    Ok(nodes)
}

/// Refuses what would not be the same in a replay.
fn check(node: sys::CUgraphNode) -> Result<()> {
    let mut kind = CUgraphNodeType::CU_GRAPH_NODE_TYPE_EMPTY;
    // SAFETY: the node belongs to a live graph.
    unsafe { sys::cuGraphNodeGetType(node, &raw mut kind) }
        .result()
        .w()?;
    match kind {
        CUgraphNodeType::CU_GRAPH_NODE_TYPE_KERNEL
        | CUgraphNodeType::CU_GRAPH_NODE_TYPE_MEMSET
        | CUgraphNodeType::CU_GRAPH_NODE_TYPE_EMPTY => Ok(()),
        CUgraphNodeType::CU_GRAPH_NODE_TYPE_MEMCPY => {
            let mut copy = MaybeUninit::<sys::CUDA_MEMCPY3D>::uninit();
            // SAFETY: the node is a copy of a live graph, and there is room for its parameters.
            unsafe { sys::cuGraphMemcpyNodeGetParams(node, copy.as_mut_ptr()) }
                .result()
                .w()?;
            // SAFETY: the call has succeeded, so it has filled in everything.
            let copy = unsafe { copy.assume_init() };
            let host = CUmemorytype::CU_MEMORYTYPE_HOST;
            if copy.srcMemoryType == host || copy.dstMemoryType == host {
                bail!("the step cannot be recorded: it copies from or to the host");
            }
            Ok(())
        }
        CUgraphNodeType::CU_GRAPH_NODE_TYPE_MEM_ALLOC
        | CUgraphNodeType::CU_GRAPH_NODE_TYPE_MEM_FREE => bail!(
            "the step cannot be recorded: it allocates or frees memory; give it working memory \
             that is allocated before"
        ),
        other => bail!("the step cannot be recorded: it contains {other:?}"),
    }
}
