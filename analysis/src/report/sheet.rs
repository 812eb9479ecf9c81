//! Contact sheets: pictures that people should look at, beside their numbers.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::html::Html;
use crate::Error;
use crate::figure::svg::escape;

/// Sheets of the study of the shapes, with what they show.
const SHEETS: [(&str, &str); 5] = [
    (
        "shapes-boxes.png",
        "shapes-detector on noisy held-out pictures: boxes that it found above the true ones. Colours of the boxes are kinds.",
    ),
    (
        "shapes-masks.png",
        "shapes-segmenter: picture, mask that it found, true mask. Colours are kinds.",
    ),
    (
        "shapes-enlarged.png",
        "shapes-upscaler: what it got, bicubic enlargement, what it made of it, truth.",
    ),
    (
        "shapes-drawn.png",
        "shapes-diffusion: a row for each size and kind, columns for colours.",
    ),
    (
        "shapes-drawn-steps.png",
        "shapes-diffusion: 1, 4, 10, 20 and 50 steps of DDIM, then of DPM-Solver++.",
    ),
];

/// A picture with its caption.
pub(super) struct Sheet {
    pub(super) caption: &'static str,
    /// A PNG file.
    pub(super) png: Vec<u8>,
}

/// The sheets that lie in a folder, in a fixed order.
///
/// # Errors
/// A sheet cannot be read.
pub(super) fn read(folder: &Path) -> Result<Vec<Sheet>, Error> {
    SHEETS
        .into_iter()
        .map(|(name, caption)| (folder.join(name), caption))
        .filter(|(file, _)| file.exists())
        .map(|(file, caption)| {
            let png = fs_err::read(file)?;
            Ok(Sheet { caption, png })
        })
        .collect()
}

/// The picture within the page, so that the page needs no other file.
pub(super) fn html(sheet: &Sheet) -> Html {
    // An element without an end, which `Html::element` does not write; both parts are ours.
    let image = format!(
        "<img class=\"sheet\" alt=\"{}\" src=\"data:image/png;base64,{}\">",
        escape(sheet.caption),
        STANDARD.encode(&sheet.png)
    );
    Html::element(
        "figure",
        &[],
        Html::joined([
            Html::trusted(&image),
            Html::tagged("figcaption", sheet.caption),
        ]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_that_are_there_are_shown_within_the_page() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap().is_empty());
        fs_err::write(folder.path().join("shapes-masks.png"), b"png").unwrap();
        fs_err::write(folder.path().join("other.png"), b"png").unwrap();
        let sheets = read(folder.path()).unwrap();
        assert_eq!(sheets.len(), 1);
        let html = html(&sheets[0]).into_string();
        assert!(
            html.contains("src=\"data:image/png;base64,cG5n\""),
            "{html}"
        );
        assert!(html.contains("shapes-segmenter"), "{html}");
    }
}
