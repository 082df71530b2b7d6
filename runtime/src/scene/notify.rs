//! Notices: a quiet stack in the corner, newest at the bottom.

use std::{sync::Arc, time::Duration};

use zi_kernel::term::{Frame, Rect, Style};

use super::{
    draw::{DrawContext, SPIN, cut},
    format::{
        clean,
        wrap::{Options, wrap},
    },
    line::{Line, Span},
};
use crate::{extensions::Extension, host};

/// Columns that a notice takes at most.
pub const MAX_COLUMNS: u16 = 44;
/// Notices that are kept; the oldest goes.
const MAX_KEPT: usize = 64;
/// How long a notice stays that does not say.
const STAY: Duration = Duration::from_secs(5);
/// How long one stays whose work is done.
const STAY_DONE: Duration = Duration::from_secs(3);
/// Rows of one notice.
const MAX_ROWS: usize = 8;

/// How important a notice is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
    Success,
}

impl Level {
    pub const NAMES: [(&'static str, Self); 5] = [
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
        ("success", Self::Success),
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, level)| *level == self).map_or("info", |(name, _)| name)
    }

    fn token(self) -> &'static str {
        match self {
            Self::Debug => "muted",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Error => "danger",
            Self::Success => "success",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Debug => "·",
            Self::Info => "●",
            Self::Warn => "▲",
            Self::Error => "✗",
            Self::Success => "✓",
        }
    }
}

impl From<host::Level> for Level {
    fn from(level: host::Level) -> Self {
        match level {
            host::Level::Debug => Self::Debug,
            host::Level::Info => Self::Info,
            host::Level::Warn => Self::Warn,
            host::Level::Error => Self::Error,
        }
    }
}

/// Something to tell in the corner.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notice {
    pub text: String,
    /// A later one with the same id takes its place.
    pub id: Option<String>,
    /// Notices of a group stand together; its name is their label.
    pub group: Option<String>,
    pub title: Option<String>,
    pub annote: Option<String>,
    pub level: Level,
    /// Whether work goes on: it stays, with a spinner.
    pub progress: bool,
    /// How far that is, from 0 to 1.
    pub share: Option<f64>,
    /// Whether the work is done.
    pub done: bool,
    pub ttl: Option<Duration>,
}

/// The notices that are shown.
#[derive(Debug, Default)]
pub struct Notices {
    shown: Vec<Shown>,
}

#[derive(Debug)]
struct Shown {
    /// Who told it: an extension, or zi itself.
    owner: Option<(String, u64)>,
    notice: Notice,
    count: u32,
    /// When it goes; never by itself when nothing.
    until: Option<Duration>,
}

impl Notices {
    /// Shows what an extension tells.
    pub fn notify(&mut self, owner: &Arc<Extension>, notice: Notice, now: Duration) {
        self.add(Some((owner.id.clone(), owner.generation)), notice, now);
    }

    /// Shows what zi itself tells.
    pub fn tell(&mut self, level: host::Level, text: &str, now: Duration) {
        let notice = Notice { text: text.to_owned(), level: level.into(), ..Notice::default() };
        self.add(None, notice, now);
    }

    fn add(&mut self, owner: Option<(String, u64)>, notice: Notice, now: Duration) {
        self.expire(now);
        let until = until(&notice, now);
        let name = |owner: &Option<(String, u64)>| owner.as_ref().map(|(id, _)| id.clone());
        let is_own = |shown: &Shown| name(&shown.owner) == name(&owner);
        if notice.id.is_some() {
            let place = self.shown.iter().position(|it| is_own(it) && it.notice.id == notice.id);
            if let Some(place) = place {
                let count = self.shown[place].repeats(&notice);
                self.shown[place] = Shown { owner, notice, count, until };
                return;
            }
        } else if let Some(again) =
            self.shown.iter_mut().find(|it| is_own(it) && it.notice == notice)
        {
            again.count = again.count.saturating_add(1);
            again.until = until;
            return;
        }
        if self.shown.len() == MAX_KEPT {
            self.shown.remove(0);
        }
        let group = notice.group.clone();
        let shown = Shown { owner, notice, count: 1, until };
        let is_peer = |it: &Shown| group.is_some() && it.notice.group == group;
        match self.shown.iter().rposition(is_peer) {
            Some(peer) => self.shown.insert(peer + 1, shown),
            None => self.shown.push(shown),
        }
    }

    /// Takes one notice of an extension away, or all.
    pub fn clear(&mut self, owner: &Arc<Extension>, id: Option<&str>) {
        self.shown.retain(|it| {
            let is_own = it.owner.as_ref().is_some_and(|(name, _)| *name == owner.id);
            !is_own || id.is_some_and(|id| it.notice.id.as_deref() != Some(id))
        });
    }

    /// A build has ended: what it began nobody will finish. What it told stays its time.
    pub fn remove_owner(&mut self, generation: u64) {
        self.shown.retain(|it| {
            let is_own = it.owner.as_ref().is_some_and(|(_, own)| *own == generation);
            !is_own || it.until.is_some()
        });
    }

    /// Takes away those whose time is over. Answers whether there were any.
    pub fn expire(&mut self, now: Duration) -> bool {
        let before = self.shown.len();
        self.shown.retain(|it| it.until.is_none_or(|until| until > now));
        self.shown.len() != before
    }

    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// The rows that the stack is likely to take.
    pub fn rows(&self) -> u16 {
        u16::try_from(self.shown.len()).unwrap_or(u16::MAX)
    }

    /// When something is to be drawn anew without news: a notice goes, or a spinner turns.
    pub fn next_deadline(&self, now: Duration) -> Option<Duration> {
        let goes = self.shown.iter().filter_map(|it| it.until).min();
        let spins = self.shown.iter().any(|it| it.notice.progress && !it.notice.done);
        let turn = spins.then(|| next_turn(now));
        goes.into_iter().chain(turn).min()
    }

    /// Draws the stack into the lower right corner of `area`, over what is there.
    pub fn draw(&self, frame: &mut Frame, area: Rect, context: DrawContext<'_>) {
        let area = area.intersection(frame.area());
        let columns = MAX_COLUMNS.min(area.width);
        let rows = (u32::from(area.height) * 2 / 5).max(1).min(area.height.into());
        if columns < 4 || area.height == 0 {
            return;
        }
        let mut lines: Vec<Line> = Vec::new();
        let mut group = None;
        for shown in &self.shown {
            let is_first = shown.notice.group.is_none() || shown.notice.group != group;
            group = shown.notice.group.clone();
            lines.extend(shown.lines(columns - 2, is_first, &context));
        }
        let rows = usize::try_from(rows).unwrap_or(1).min(lines.len());
        let lines = &lines[lines.len() - rows..];
        let top = area.bottom() - u16::try_from(rows).unwrap_or(area.height);
        for (y, line) in (top..).zip(lines) {
            let wide = u16::try_from(line.width()).unwrap_or(columns).min(columns - 2);
            let x = area.right() - wide - 2;
            let row = Rect::new(x, y, wide + 2, 1);
            frame.fill(row, context.theme.bg("background"));
            line.draw(frame, x + 1, y, area.right() - 1);
        }
    }
}

/// When the picture of a spinner after `now` is due.
pub(super) fn next_turn(now: Duration) -> Duration {
    let step = now.as_millis() / SPIN.as_millis() + 1;
    SPIN * u32::try_from(step).unwrap_or(u32::MAX)
}

fn until(notice: &Notice, now: Duration) -> Option<Duration> {
    let stay = match (notice.ttl, notice.done, notice.progress) {
        (Some(ttl), ..) => ttl,
        (None, true, _) => STAY_DONE,
        (None, false, true) => return None,
        (None, false, false) => STAY,
    };
    Some(now.saturating_add(stay))
}

impl Shown {
    /// How often `notice` was told, if it says what this one said.
    fn repeats(&self, notice: &Notice) -> u32 {
        let is_same = self.notice.text == notice.text && !notice.progress && !notice.done;
        if is_same && !self.notice.progress { self.count.saturating_add(1) } else { 1 }
    }

    fn lines(&self, columns: u16, is_first: bool, context: &DrawContext<'_>) -> Vec<Line> {
        let notice = &self.notice;
        let theme = context.theme;
        let level = if notice.done { Level::Success } else { notice.level };
        let mark = match (notice.done, notice.progress) {
            (false, true) => context.spinner(),
            _ => level.mark(),
        };
        let mut spans = vec![Span::new(format!("{mark} "), theme.fg(level.token()))];
        let label = notice.title.as_ref().or(notice.group.as_ref().filter(|_| is_first));
        if let Some(label) = label {
            let label = cut(&clean::prose(label).replace(['\n', '\t'], " "), columns / 2);
            spans.push(Span::new(format!("{label} "), theme.bold(level.token())));
        }
        spans.push(Span::new(clean::prose(notice.text.trim_end()), theme.fg("text")));
        if self.count > 1 {
            spans.push(Span::new(format!(" ({}×)", self.count), theme.fg("muted")));
        }
        if let Some(share) = notice.share.filter(|_| !notice.done) {
            spans.push(Span::new(format!(" {:.0}%", share * 100.0), theme.fg("muted")));
        }
        if let Some(annote) = &notice.annote {
            spans.push(Span::new(
                format!(" {}", clean::prose(annote).replace('\n', " ")),
                theme.fg("muted"),
            ));
        }
        let mut lines = wrap(&spans, &Options::new(columns.into()));
        if lines.len() > MAX_ROWS {
            lines.truncate(MAX_ROWS - 1);
            lines.push(Line::plain("…", Style::new()));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        extensions::{Found, Rank, Source},
        scene::{draw::Pictures, theme::Theme},
        surfaces::Surfaces,
    };

    const START: Duration = Duration::from_secs(100);

    fn extension(id: &str, generation: u64) -> Arc<Extension> {
        let rank = Rank { source: Source::User, order: 0 };
        let found = Found::from_text(id.into(), rank, "x.lua".into(), "/".into(), Vec::new());
        Arc::new(Extension::new(found.expect("it is an extension"), generation, false))
    }

    fn notice(text: &str) -> Notice {
        Notice { text: text.to_owned(), ..Notice::default() }
    }

    fn with_id(text: &str, id: &str) -> Notice {
        Notice { id: Some(id.to_owned()), ..notice(text) }
    }

    fn drawn(notices: &Notices, width: u16, height: u16) -> String {
        let io = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (theme, surfaces) = (Theme::default(), Surfaces::default());
        let pictures = Pictures::new(io.handle().clone(), "/".into());
        let context =
            DrawContext { theme: &theme, now: START, surfaces: &surfaces, pictures: &pictures };
        let mut frame = Frame::new(width, height);
        let area = frame.area();
        notices.draw(&mut frame, area, context);
        frame.text()
    }

    #[test]
    fn notices_stand_in_the_lower_right_corner_the_newest_at_the_bottom() {
        let mut notices = Notices::default();
        let one = extension("one", 1);
        notices.notify(&one, notice("first"), START);
        let second = Notice { title: Some("Agent".into()), ..notice("second") };
        notices.notify(&one, Notice { annote: Some("until input".into()), ..second }, START);
        let text = drawn(&notices, 60, 10);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[8].trim(), "● first");
        assert_eq!(rows[9].trim(), "● Agent second until input");
        assert_eq!(rows[9].chars().count(), 59, "one blank is left at the edge");
    }

    #[test]
    fn the_same_id_replaces_and_the_same_text_counts() {
        let mut notices = Notices::default();
        let (one, two) = (extension("one", 1), extension("two", 2));
        notices.notify(&one, with_id("old", "x"), START);
        notices.notify(&one, with_id("new", "x"), START);
        notices.notify(&two, with_id("its own", "x"), START);
        notices.notify(&one, notice("again"), START);
        notices.notify(&one, notice("again"), START);
        notices.notify(&one, notice("again"), START);
        let text = drawn(&notices, 60, 20);
        assert!(!text.contains("old") && text.contains("new") && text.contains("its own"));
        assert!(text.contains("again (3×)"), "{text}");
        notices.clear(&one, Some("x"));
        let text = drawn(&notices, 60, 20);
        assert!(!text.contains("new") && text.contains("its own"));
        notices.clear(&one, None);
        assert!(!drawn(&notices, 60, 20).contains("again"));
    }

    #[test]
    fn notices_go_by_themselves_unless_work_goes_on() {
        let mut notices = Notices::default();
        let one = extension("one", 1);
        let working = Notice { progress: true, share: Some(0.4), ..with_id("work", "w") };
        notices.notify(&one, working.clone(), START);
        notices.notify(&one, notice("short"), START);
        assert!(drawn(&notices, 60, 20).contains("work 40%"));
        assert_eq!(notices.next_deadline(START), Some(next_turn(START)));
        assert!(notices.expire(START + STAY));
        assert!(drawn(&notices, 60, 20).contains("work"));
        let done = Notice { done: true, share: None, ..working.clone() };
        notices.notify(&one, done, START + STAY);
        assert_eq!(notices.next_deadline(START + STAY), Some(START + STAY + STAY_DONE));
        assert!(drawn(&notices, 60, 20).contains("✓ work"));
        assert!(notices.expire(START + STAY + STAY_DONE) && notices.is_empty());
        notices.notify(&one, working, START);
        notices.remove_owner(1);
        assert!(notices.is_empty(), "nobody would say that it is done");
    }

    #[test]
    fn groups_stand_together_and_no_size_is_too_small() {
        let mut notices = Notices::default();
        let one = extension("one", 1);
        let of = |group: &str, text: &str| Notice { group: Some(group.into()), ..notice(text) };
        for (group, text) in [("build", "a"), ("test", "b\twith 漢字\nand lines"), ("build", "c")]
        {
            notices.notify(&one, of(group, text), START);
        }
        let text = drawn(&notices, 60, 20);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words[..5], ["●", "build", "a", "●", "c"]);
        for width in 0..24 {
            for height in 0..12 {
                drawn(&notices, width, height);
            }
        }
        for number in 0..200 {
            notices.notify(&one, notice(&format!("{number} {}", "long ".repeat(100))), START);
        }
        assert!(drawn(&notices, 60, 20).lines().filter(|line| !line.is_empty()).count() <= 8);
    }
}
