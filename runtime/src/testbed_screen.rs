//! The screen of a spec: the real scene, drawn where nobody looks.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::watch};
use zi_kernel::term::{Frame, Rect, Style};

use crate::{
    host::{Host, lock},
    scene::{
        EditorRequest, UiRequest,
        draw::{DrawContext, Pictures},
        edit::{Edit, EditAction},
        notify::Notices,
        theme::Theme,
        tree::SlotKind,
        views::{Routed, UiEvent, Views},
    },
};

/// The size that a screen has unless a spec says another.
const SIZE: (u16, u16) = (80, 24);

/// A screen without a terminal.
#[derive(Debug)]
pub struct TestScreen {
    state: Mutex<State>,
    pictures: Pictures,
    /// Counts what changed.
    changes: watch::Sender<u64>,
    started: Instant,
}

#[derive(Debug)]
struct State {
    is_there: bool,
    size: (u16, u16),
    views: Views,
    notices: Notices,
    editor: Edit,
    title: String,
    clipboard: Option<String>,
    submitted: Vec<String>,
}

impl TestScreen {
    pub fn new(workspace: PathBuf) -> Self {
        Self {
            state: Mutex::new(State {
                is_there: true,
                size: SIZE,
                views: Views::default(),
                notices: Notices::default(),
                editor: Edit::multiline(),
                title: String::new(),
                clipboard: None,
                submitted: Vec::new(),
            }),
            pictures: Pictures::new(Handle::current(), workspace),
            changes: watch::Sender::new(0),
            started: Instant::now(),
        }
    }

    /// Takes the screen away, or brings it back.
    pub fn set_there(&self, is_there: bool) {
        lock(&self.state).is_there = is_there;
    }

    pub fn is_there(&self) -> bool {
        lock(&self.state).is_there
    }

    pub fn resize(&self, width: u16, height: u16) {
        lock(&self.state).size = (width, height);
        self.changed();
    }

    pub fn size(&self) -> (u16, u16) {
        lock(&self.state).size
    }

    pub fn title(&self) -> String {
        lock(&self.state).title.clone()
    }

    pub fn clipboard(&self) -> Option<String> {
        lock(&self.state).clipboard.clone()
    }

    /// What is in the editor.
    pub fn draft(&self) -> String {
        lock(&self.state).editor.text().to_owned()
    }

    /// The drafts that were submitted.
    pub fn submitted(&self) -> Vec<String> {
        lock(&self.state).submitted.clone()
    }

    pub fn request(&self, request: UiRequest) {
        let now = self.started.elapsed();
        {
            let state = &mut *lock(&self.state);
            match state.views.apply(request) {
                None => {}
                Some(UiRequest::Notify { owner, notice }) => {
                    state.notices.notify(&owner, notice, now);
                }
                Some(UiRequest::NotifyClear { owner, id }) => {
                    state.notices.clear(&owner, id.as_deref());
                }
                Some(UiRequest::Title(title)) => state.title = title,
                Some(UiRequest::Copy { text, .. }) => state.clipboard = Some(text),
                Some(UiRequest::Editor(request)) => edit(&mut state.editor, request),
                Some(_) => {}
            }
        }
        self.changed();
    }

    /// Presses a key. Answers what it brought about in views.
    pub fn key(&self, key: &str) -> Vec<UiEvent> {
        let events = {
            let state = &mut *lock(&self.state);
            let is_empty = state.editor.is_empty();
            match state.views.key(key, is_empty) {
                Routed::Consumed(events) => events,
                Routed::Pass => {
                    state.editor_key(key);
                    Vec::new()
                }
            }
        };
        self.changed();
        events
    }

    pub fn paste(&self, text: &str) -> Vec<UiEvent> {
        let events = {
            let state = &mut *lock(&self.state);
            match state.views.paste(text) {
                Routed::Consumed(events) => events,
                Routed::Pass => {
                    state.editor.insert(text);
                    Vec::new()
                }
            }
        };
        self.changed();
        events
    }

    /// Draws the screen. Drawing may tell surfaces of their sizes.
    pub fn draw(&self, host: &Host) -> (Frame, Vec<UiEvent>) {
        let now = self.started.elapsed();
        let theme = Theme::default();
        let surfaces = &host.surfaces;
        let context = DrawContext { theme: &theme, now, surfaces, pictures: &self.pictures };
        let state = &mut *lock(&self.state);
        state.notices.expire(now);
        let frame = state.draw(context);
        (frame, state.views.take_events())
    }

    /// Waits until what is drawn is as `wanted` says, at most `limit`. Answers whether it is.
    pub async fn wait_for(
        &self,
        host: &Arc<Host>,
        limit: Duration,
        wanted: impl Fn(&Frame) -> bool,
    ) -> bool {
        let mut changes = self.changes.subscribe();
        let shown = async {
            loop {
                changes.borrow_and_update();
                let (frame, events) = self.draw(host);
                events.into_iter().for_each(|event| host.tell_ui(event));
                if wanted(&frame) {
                    return;
                }
                tokio::select! {
                    // This end keeps the sender.
                    _ = changes.changed() => {}
                    () = self.pictures.changed() => {}
                    () = host.surfaces.changed() => {}
                }
            }
        };
        tokio::time::timeout(limit, shown).await.is_ok()
    }

    fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

fn edit(editor: &mut Edit, request: EditorRequest) {
    match request {
        EditorRequest::SetText(text) => editor.set_text(&text),
        EditorRequest::InsertText(text) => editor.insert(&text),
        EditorRequest::Clear => editor.clear(),
        EditorRequest::Text(answer) => {
            // Who asked may be gone.
            answer.send(editor.text().to_owned()).ok();
        }
    }
}

impl State {
    fn editor_key(&mut self, key: &str) {
        let width = self.size.0.saturating_sub(4);
        match (key, EditAction::of_key(key)) {
            ("enter", _) => {
                self.submitted.push(self.editor.text().to_owned());
                self.editor.clear();
            }
            (_, Some(action)) => {
                self.editor.apply(action, width);
            }
            ("space", None) => self.editor.insert(" "),
            (key, None) if key.chars().count() == 1 => self.editor.insert(key),
            _ => {}
        }
    }

    /// The slots from the top to the bottom, and the overlays over them.
    fn draw(&mut self, context: DrawContext<'_>) -> Frame {
        let (width, height) = self.size;
        let mut frame = Frame::new(width, height);
        let mut room = frame.area();
        let mut take = |views: &mut Views, frame: &mut Frame, slot: SlotKind, is_top: bool| {
            let rows = views.height_of(slot, room.width, context).min(room.height);
            let y = if is_top { room.y } else { room.bottom() - rows };
            views.draw_slot(slot, frame, Rect { y, height: rows, ..room }, context);
            room.height -= rows;
            room.y += if is_top { rows } else { 0 };
            room
        };
        take(&mut self.views, &mut frame, SlotKind::Header, true);
        take(&mut self.views, &mut frame, SlotKind::Status, false);
        let room = take(&mut self.views, &mut frame, SlotKind::EditorBelow, false);
        let rows = 3.min(room.height);
        let editor = Rect { y: room.bottom() - rows, height: rows, ..room };
        self.draw_editor(&mut frame, editor, context);
        let room = Rect { height: room.height - rows, ..room };
        let above = self.views.height_of(SlotKind::EditorAbove, width, context).min(room.height);
        let rect = Rect { y: room.bottom() - above, height: above, ..room };
        self.views.draw_slot(SlotKind::EditorAbove, &mut frame, rect, context);
        let body = Rect { height: room.height - above, ..room };
        let side = self.views.width_of(SlotKind::SidebarRight, width / 2, context);
        let rect = Rect { x: body.right() - side, width: side, ..body };
        self.views.draw_slot(SlotKind::SidebarRight, &mut frame, rect, context);
        self.notices.draw(&mut frame, body, context);
        self.views.draw_overlays(&mut frame, Rect::new(0, 0, width, height), context);
        frame
    }

    fn draw_editor(&mut self, frame: &mut Frame, rect: Rect, context: DrawContext<'_>) {
        if rect.height < 3 || rect.width < 4 {
            return;
        }
        let rule = "─".repeat(rect.width.into());
        let last = rect.bottom() - 1;
        for (y, slot) in [(rect.y, SlotKind::EditorBorderTop), (last, SlotKind::EditorBorderBottom)]
        {
            frame.put(rect.x, y, rect.right(), &rule, Style::new(), None);
            let strip = Rect { x: rect.x + 1, y, width: rect.width - 2, height: 1 };
            self.views.draw_slot(slot, frame, strip, context);
        }
        let width = rect.width - 2;
        let rows = self.editor.rows(width);
        let (row, column) = rows.caret;
        let text = self.editor.shown(&rows.rows[row]);
        frame.put(rect.x, rect.y + 1, rect.right(), "> ", Style::new(), None);
        frame.put(rect.x + 2, rect.y + 1, rect.right(), &text, Style::new(), None);
        let column = u16::try_from(column).unwrap_or(0).min(width - 1);
        frame.set_cursor(Some((rect.x + 2 + column, rect.y + 1)));
    }
}
