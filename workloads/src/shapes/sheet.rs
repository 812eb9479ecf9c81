//! Contact sheets: pictures side by side, to be looked at.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};

use super::raster::Picture;
use crate::Error;

/// Pixels between pictures.
const GAP: u32 = 4;

/// Colour between pictures.
const PAPER: Rgb<u8> = Rgb([250, 250, 250]);

/// Rows of pictures.
pub struct Sheet {
    image: RgbImage,
    cell: u32,
}

impl Sheet {
    /// An empty sheet with cells of this many pixels along a side.
    pub fn new(columns: usize, rows: usize, cell: usize) -> Self {
        let cell = u32::try_from(cell).expect("a small picture");
        let side = |count: usize| u32::try_from(count).expect("few pictures") * (cell + GAP) + GAP;
        Self {
            image: RgbImage::from_pixel(side(columns), side(rows), PAPER),
            cell,
        }
    }

    /// Puts a picture into a cell, each of its pixels as a square.
    ///
    /// # Panics
    /// The cell is not on the sheet.
    pub fn put(&mut self, column: usize, row: usize, picture: &Picture) {
        let side = u32::try_from(picture.side).expect("a small picture");
        let [left, top] = self.corner(column, row);
        for y in 0..self.cell {
            for x in 0..self.cell {
                let (from_x, from_y) = (x * side / self.cell, y * side / self.cell);
                let place = usize::try_from(from_y * side + from_x).expect("a small picture") * 3;
                let rgb = [0, 1, 2].map(|part| picture.rgb[place + part]);
                self.image.put_pixel(left + x, top + y, Rgb(rgb));
            }
        }
    }

    /// Draws the edge of a box, of parts of the side of the picture in a cell.
    ///
    /// # Panics
    /// The cell is not on the sheet.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a small picture, clamped to it"
    )]
    pub fn outline(&mut self, column: usize, row: usize, bounds: [f32; 4], colour: [u8; 3]) {
        let corner = self.corner(column, row);
        let last = self.cell - 1;
        let at = |part: f32| ((part * self.cell as f32).round().max(0.0) as u32).min(last);
        let [left, top, right, bottom] = bounds.map(at);
        let mut put = |x: u32, y: u32| {
            self.image
                .put_pixel(corner[0] + x, corner[1] + y, Rgb(colour));
        };
        for x in left..=right {
            put(x, top);
            put(x, bottom);
        }
        for y in top..=bottom {
            put(left, y);
            put(right, y);
        }
    }

    fn corner(&self, column: usize, row: usize) -> [u32; 2] {
        [column, row]
            .map(|index| GAP + u32::try_from(index).expect("few pictures") * (self.cell + GAP))
    }

    /// Writes the sheet as a PNG.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        self.image
            .save_with_format(file, ImageFormat::Png)
            .map_err(|error| Error::file(file, format!("cannot be written ({error})")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_its_pictures_and_boxes_where_they_were_put() {
        let mut sheet = Sheet::new(2, 1, 8);
        assert_eq!(sheet.image.dimensions(), (28, 16));
        let rgb = vec![9, 9, 9, 1, 2, 3, 9, 9, 9, 9, 9, 9];
        sheet.put(1, 0, &Picture { side: 2, rgb });
        assert_eq!(sheet.image.get_pixel(16 + 4, 4 + 3), &Rgb([1, 2, 3]));
        assert_eq!(sheet.image.get_pixel(16 + 3, 4 + 3), &Rgb([9, 9, 9]));
        assert_eq!(sheet.image.get_pixel(4, 4), &PAPER);
        sheet.outline(1, 0, [0.5, 0.0, 2.0, 0.5], [7, 7, 7]);
        assert_eq!(sheet.image.get_pixel(16 + 4, 4 + 2), &Rgb([7, 7, 7]));
        assert_eq!(sheet.image.get_pixel(16 + 5, 4 + 1), &Rgb([1, 2, 3]));
    }
}
