//! Surfaces and images, as half blocks.

use std::sync::Arc;

use zi_kernel::{
    surface::{Cells, Frame as Picture, scale_to_cells},
    term::{Color, Frame, Style},
};

use super::{
    Area, Painter, Scaled, State,
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
        let Some((count, picture)) = slot.and_then(|slot| slot.newer_than(0)) else { return };
        let cells = self.scaled(node, count, &picture, area);
        self.draw_cells(frame, &cells, area);
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
            PictureState::Ready(picture) => {
                let area = fitting(&picture, area);
                // An image does not change; its address tells it from the one before.
                let which = std::ptr::from_ref(&*picture).addr() as u64;
                let cells = self.scaled(node, which, &picture, area);
                self.draw_cells(frame, &cells, area);
            }
        }
    }

    /// The picture in cells, made again only when it or its size is another one.
    fn scaled(&mut self, node: &Node, which: u64, picture: &Picture, area: Area) -> Arc<Cells> {
        let key = (which, area.width, area.height);
        if let Some(State::Pixels(scaled)) = self.states.get(&node.id)
            && scaled.key == key
        {
            return scaled.cells.clone();
        }
        let background = match self.context.theme.color("background") {
            Some(Color::Rgb(red, green, blue)) => [red, green, blue],
            _ => [0, 0, 0],
        };
        let cells = Arc::new(scale_to_cells(picture, area.width, area.height, background));
        self.states.set(&node.id, State::Pixels(Scaled { key, cells: cells.clone() }));
        cells
    }

    fn draw_cells(&self, frame: &mut Frame, cells: &Cells, area: Area) {
        let rows = cells.cells.chunks_exact(cells.cols.max(1).into());
        for (y, row) in (area.y..).zip(rows) {
            if self.row(y).is_none() {
                continue;
            }
            let color = |[red, green, blue]: [u8; 3]| Color::Rgb(red, green, blue);
            for (x, cell) in (area.x..area.end()).zip(row) {
                let style = Style::new().fg(color(cell.fg)).bg(color(cell.bg));
                self.put(frame, (x, y), area.end(), "▀", style);
            }
        }
    }
}

/// The part of an area that has the proportions of a picture, in its middle.
fn fitting(picture: &Picture, area: Area) -> Area {
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
