//! What images, detections and masks are worth: metrics of outputs, from arrays to numbers.
//!
//! No network, file or device is known here. Feature networks live with the other models; this
//! crate takes what they put out.
