//! Surfaces and images.
//!
//! Half blocks are cells already. Other pixels are left to the terminal: it shows them as well as it
//! can.

use std::sync::Arc;

use zi_kernel::{
    surface::{Cells, Format, Frame as Pixels, scale_to_cells},
    term::{Frame, Picture, Style},
};

use super::{
    Area, Painter, Shown, State,
    boxes::{aside, one_line},
    cut,
    pictures::PictureState,
};
use crate::scene::tree::{Align, Image, Node};

impl Painter<'_> {
    pub(super) fn draw_surface(&mut self, frame: &mut Frame, node: &Node, area: Area) {
        self.sizes.push((node.id.clone(), area.width, area.height));
        let Some((owner, view)) = self.owner else { return };
        let slot = self.context.surfaces.slot(owner, view, &node.id);
        let Some((count, pixels)) = slot.and_then(|slot| slot.newer_than(0)) else { return };
        match pixels.format() {
            Format::HalfblockRgb => {
                let cells = self.scaled(node, count, &pixels, area);
                self.draw_cells(frame, &cells, area);
            }
            Format::Rgba => self.draw_picture(frame, node, &pixels, area),
        }
    }

    pub(super) fn draw_image(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        image: &Image,
        area: Area,
        base: Style,
    ) {
        let muted = base.patch(self.context.theme.fg("muted"));
        let say = |painter: &Self, frame: &mut Frame, text: &str| {
            let text = cut(&one_line(text), area.width);
            painter.put(frame, (area.x, area.y), area.end(), &text, muted);
        };
        match self.context.pictures.get(&image.source) {
            PictureState::Loading => say(self, frame, "…"),
            PictureState::Failed(why) => say(self, frame, &why),
            PictureState::Ready(pixels) => {
                self.draw_picture(frame, node, &pixels, fitting(&pixels, area));
            }
        }
    }

    /// Half blocks at another size, made again only when they or the size are other ones.
    fn scaled(&mut self, node: &Node, count: u64, pixels: &Pixels, area: Area) -> Arc<Cells> {
        let key = (count, area.width, area.height);
        if let Some(State::Shown(Shown::Cells { key: kept, cells })) = self.states.get(&node.id)
            && *kept == key
        {
            return cells.clone();
        }
        let cells = Arc::new(scale_to_cells(pixels, area.width, area.height, [0; 3]));
        let shown = Shown::Cells { key, cells: cells.clone() };
        self.states.set(&node.id, State::Shown(shown));
        cells
    }

    fn draw_cells(&self, frame: &mut Frame, cells: &Cells, area: Area) {
        let visible = self.visible(area);
        let skipped = usize::try_from(i32::from(visible.y) - area.y).unwrap_or(0);
        let start = (skipped * usize::from(cells.cols)).min(cells.cells.len());
        let rows = cells.rows.saturating_sub(u16::try_from(skipped).unwrap_or(u16::MAX));
        if skipped == 0 {
            frame.put_pixels(visible, cells);
        } else {
            let cells = Cells { cols: cells.cols, rows, cells: cells.cells[start..].to_vec() };
            frame.put_pixels(visible, &cells);
        }
    }

    /// Shows pixels that the terminal scales; the picture stays the same one as its pixels change.
    fn draw_picture(&mut self, frame: &mut Frame, node: &Node, pixels: &Arc<Pixels>, area: Area) {
        let picture = match self.states.get(&node.id) {
            Some(State::Shown(Shown::Picture(picture))) => {
                let is_same = Arc::ptr_eq(picture.pixels(), pixels);
                if is_same { picture.clone() } else { picture.next(pixels.clone()) }
            }
            _ => Picture::new(pixels.clone()),
        };
        let visible = self.visible(area);
        let skipped = u16::try_from(i32::from(visible.y) - area.y).unwrap_or(0);
        frame.put_picture_part(visible, &picture, (area.width, area.height), (0, skipped));
        self.states.set(&node.id, State::Shown(Shown::Picture(picture)));
    }
}

/// The part of an area that has the proportions of a picture, in its middle.
fn fitting(picture: &Pixels, area: Area) -> Area {
    let (wide, high) = picture.pixels();
    let (wide, high) = (wide.max(1) as f64, high.max(1) as f64);
    let (room, rows) = (f64::from(area.width), f64::from(area.height) * 2.0);
    let scale = (room / wide).min(rows / high);
    let width = ((wide * scale).round() as u16).clamp(1, area.width);
    let height = ((high * scale / 2.0).round() as u16).clamp(1, area.height);
    Area {
        x: area.x + aside(area.width, width, Some(Align::Center)),
        y: area.y + i32::from(aside(area.height, height, Some(Align::Center))),
        width,
        height,
    }
}
