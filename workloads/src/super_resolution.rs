//! Networks that enlarge a picture to four times its edge. `resolution_px` is the edge of the small
//! one.

pub mod edsr;
pub mod real_esrgan;

use model::resolution::Resolutions;

/// Any edge that the axis has room for; training took patches, so there is no native one, and the
/// one in use is that of the publications' tables of speed.
const RESOLUTIONS: Resolutions = Resolutions::multiples(256, 1);
