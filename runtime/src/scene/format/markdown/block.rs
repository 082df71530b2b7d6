//! One block of Markdown, laid out.

use std::sync::Arc;

use pulldown_cmark::{
    BrokenLink, CodeBlockKind, CowStr, Event, HeadingLevel, Parser, Tag, TagEnd,
    TextMergeWithOffset,
};
use zi_kernel::term::{Modifier, Style, width};

use super::{
    fence, link,
    split::{follows_blank, normal, options},
    table::Table,
};
use crate::scene::{
    format::{clean, wrap},
    line::{Line, Span},
    theme::Theme,
};

/// Blocks within blocks are indented that often.
const MAX_DEPTH: usize = 12;
const BULLETS: &[&str] = &["• ", "◦ ", "▪ "];

/// What labels stand for, beyond what the block itself says.
pub(super) type Resolve<'a> = &'a dyn Fn(&str) -> Option<Arc<str>>;

/// A block in lines.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub lines: Vec<Line>,
    /// The labels that were looked up, with what they stood for.
    pub labels: Vec<(String, Option<Arc<str>>)>,
    /// Whether there is code whose colours are not known yet.
    pub is_pending: bool,
}

/// Lays out `source`. `number` is what its first item is counted as.
pub(super) fn lay(
    source: &str,
    number: Option<u64>,
    width: usize,
    theme: &Theme,
    resolve: Resolve<'_>,
) -> Laid {
    let source = clean::prose(source);
    let mut labels = Vec::new();
    let callback = |link: BrokenLink<'_>| {
        let label = normal(&link.reference);
        let address = resolve(&label);
        labels.push((label, address.clone()));
        address.map(|address| (CowStr::from(address.to_string()), CowStr::from("")))
    };
    let parser = Parser::new_with_broken_link_callback(&source, options(), Some(callback));
    let mut writer = Writer::new(&source, number, width, theme);
    for (event, range) in TextMergeWithOffset::new(parser.into_offset_iter()) {
        writer.event(event, range.start);
    }
    writer.flush();
    let (lines, is_pending) = (writer.lines, writer.is_pending);
    Laid { lines, labels, is_pending }
}

/// What other blocks are in: a quote, an item, a footnote.
struct Container {
    /// Stands before its first line, once.
    mark: Option<Span>,
    /// Stands before each other line.
    rest: Span,
    /// The lines that there were when it began.
    start: usize,
    is_item: bool,
}

struct Writer<'a> {
    source: &'a str,
    width: usize,
    theme: &'a Theme,
    lines: Vec<Line>,
    containers: Vec<Container>,
    /// The next number of each open list; nothing where it has bullets.
    lists: Vec<Option<u64>>,
    /// The number that the outermost list goes on with.
    number: Option<u64>,
    inline: Vec<Span>,
    styles: Vec<Style>,
    /// Where the open links begin, and where they lead.
    links: Vec<(usize, String)>,
    code: Option<(String, String)>,
    table: Option<Table>,
    is_pending: bool,
}

impl<'a> Writer<'a> {
    fn new(source: &'a str, number: Option<u64>, width: usize, theme: &'a Theme) -> Self {
        Self {
            source,
            width,
            theme,
            lines: Vec::new(),
            containers: Vec::new(),
            lists: Vec::new(),
            number,
            inline: Vec::new(),
            styles: vec![theme.fg("text")],
            links: Vec::new(),
            code: None,
            table: None,
            is_pending: false,
        }
    }

    fn event(&mut self, event: Event<'_>, at: usize) {
        match event {
            Event::Start(tag) => self.start(tag, at),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => self.push(&text, self.theme.fg("code")),
            Event::Html(text) | Event::InlineHtml(text) => self.push(&text, Style::new()),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.push(&text, Style::new()),
            Event::FootnoteReference(label) => self.push(&format!("[^{label}]"), Style::new()),
            Event::SoftBreak => self.push(" ", Style::new()),
            Event::HardBreak if self.table.is_some() => self.push(" ", Style::new()),
            Event::HardBreak => self.push("\n", Style::new()),
            Event::TaskListMarker(is_done) => self.task(is_done),
            Event::Rule => self.rule(at),
        }
    }

    fn start(&mut self, tag: Tag<'_>, at: usize) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.open(at),
            Tag::Heading { level, .. } => {
                self.open(at);
                let style = self.theme.bold("heading");
                let underline = level == HeadingLevel::H1;
                let style =
                    if underline { style.add_modifier(Modifier::UNDERLINED) } else { style };
                self.styles.push(style);
            }
            Tag::BlockQuote(_) => {
                self.open(at);
                let bar = Span::new("│ ", self.theme.fg("border"));
                self.enter(Some(bar.clone()), bar, false);
                self.styles.push(self.theme.fg("quote"));
            }
            Tag::CodeBlock(kind) => {
                self.open(at);
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new()));
            }
            Tag::List(first) => {
                self.open(at);
                self.lists.push(self.number.take().or(first));
            }
            Tag::Item => self.item(at),
            Tag::FootnoteDefinition(label) => {
                self.open(at);
                let mark = Span::new(format!("[^{label}]: "), self.theme.fg("muted"));
                self.enter(Some(mark), Span::new("  ", Style::new()), true);
            }
            Tag::Table(alignments) => {
                self.open(at);
                self.table = Some(Table::new(alignments));
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
                self.inline.clear();
            }
            Tag::Emphasis => self.modify(Modifier::ITALIC),
            Tag::Strong => self.modify(Modifier::BOLD),
            Tag::Strikethrough => self.modify(Modifier::CROSSED_OUT),
            Tag::Link { dest_url, .. } => {
                self.links.push((self.inline.len(), dest_url.to_string()));
            }
            Tag::Image { .. } => {
                self.push("[image: ", Style::new());
                self.modify(Modifier::empty());
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.flush(),
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.leave();
                self.styles.pop();
            }
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item | TagEnd::FootnoteDefinition => self.leave(),
            TagEnd::Table => self.end_table(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Image => {
                self.styles.pop();
                self.push("]", Style::new());
            }
            TagEnd::Link => {
                if let Some((start, address)) = self.links.pop() {
                    link::link(&mut self.inline, start, &address, self.theme);
                }
            }
            _ => {}
        }
    }

    // Text within a block ----------------------------------------------------------------------

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn modify(&mut self, modifier: Modifier) {
        self.styles.push(self.style().add_modifier(modifier));
    }

    fn text(&mut self, text: &str) {
        let text = clean::prose(text);
        if let Some((_, code)) = &mut self.code {
            code.push_str(&text);
        } else if self.links.is_empty() {
            link::autolink(&text, self.style(), self.theme, &mut self.inline);
        } else {
            self.push(&text, Style::new());
        }
    }

    fn push(&mut self, text: &str, style: Style) {
        let style = self.style().patch(style);
        self.inline.push(Span::new(clean::prose(text), style));
    }

    fn task(&mut self, is_done: bool) {
        let mark = if is_done { "[x] " } else { "[ ] " };
        match self.containers.last_mut().and_then(|item| item.mark.as_mut()) {
            Some(bullet) => bullet.text.push_str(mark),
            None => self.push(mark, Style::new()),
        }
    }

    // Blocks -----------------------------------------------------------------------------------

    /// Begins a block: a blank line comes before it, within items only if the text has one.
    fn open(&mut self, at: usize) {
        self.flush();
        let (start, is_item) =
            self.containers.last().map_or((0, false), |within| (within.start, within.is_item));
        if self.lines.len() > start && (!is_item || follows_blank(self.source, self.line_start(at)))
        {
            self.blank();
        }
    }

    fn item(&mut self, at: usize) {
        self.flush();
        let first = self.containers.last().map_or(0, |within| within.start);
        let is_first_line = self.containers.last().is_some_and(|within| within.mark.is_some());
        if self.lines.len() > first
            && !is_first_line
            && follows_blank(self.source, self.line_start(at))
            && !self.ends_blank()
        {
            self.blank();
        }
        let depth = self.lists.len().saturating_sub(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => BULLETS[depth % BULLETS.len()].to_owned(),
        };
        let indent = Span::new(" ".repeat(width(&mark)), Style::new());
        self.enter(Some(Span::new(mark, self.theme.fg("bullet"))), indent, true);
    }

    fn ends_blank(&self) -> bool {
        self.lines.last().is_some_and(|line| {
            line.spans.iter().all(|span| span.text.chars().all(|c| c == ' ' || c == '│'))
        })
    }

    fn enter(&mut self, mark: Option<Span>, rest: Span, is_item: bool) {
        self.containers.push(Container { mark, rest, start: self.lines.len(), is_item });
    }

    fn leave(&mut self) {
        self.flush();
        if self.containers.last().is_some_and(|within| within.is_item && within.mark.is_some()) {
            // An item without text is there all the same.
            let (first, _) = self.prefix();
            self.lines.push(wrap::clip(Line::new(first), self.width, wrap::Overflow::Clip));
        }
        self.containers.pop();
    }

    fn line_start(&self, at: usize) -> usize {
        self.source[..at].rfind('\n').map_or(0, |at| at + 1)
    }

    /// What stands before the next line, and before the ones after it.
    fn prefix(&mut self) -> (Vec<Span>, Vec<Span>) {
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        for (depth, container) in self.containers.iter_mut().enumerate() {
            let mark = container.mark.take();
            if depth < MAX_DEPTH {
                first.push(mark.unwrap_or_else(|| container.rest.clone()));
                rest.push(container.rest.clone());
            }
        }
        (first, rest)
    }

    fn blank(&mut self) {
        let rest = self.containers.iter().take(MAX_DEPTH).map(|within| within.rest.clone());
        let line = wrap::clip(Line::new(rest.collect()), self.width, wrap::Overflow::Clip);
        self.lines.push(line);
    }

    /// Ends the text that is being gathered.
    fn flush(&mut self) {
        if self.table.is_some() || self.inline.is_empty() {
            return;
        }
        let mut spans = std::mem::take(&mut self.inline);
        if let Some(last) = spans.last_mut() {
            let kept = last.text.trim_end_matches('\n').len();
            last.text.truncate(kept);
        }
        let (first, rest) = self.prefix();
        let options = wrap::Options::new(self.width).prefix(first, rest);
        self.lines.extend(wrap::wrap(&spans, &options));
    }

    fn end_code(&mut self) {
        let Some((info, body)) = self.code.take() else { return };
        let (first, rest) = self.prefix();
        let (lines, is_settled) =
            fence::code_block(&info, &body, (&first, &rest), self.width, self.theme);
        self.lines.extend(lines);
        self.is_pending |= !is_settled;
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.inline.clear();
        let (first, rest) = self.prefix();
        self.lines.extend(table.lay((first, rest), self.width, self.theme));
    }

    fn rule(&mut self, at: usize) {
        self.open(at);
        let (first, rest) = self.prefix();
        let taken: usize = first.iter().map(|span| width(&span.text)).sum();
        let rule = "─".repeat(self.width.saturating_sub(taken).max(1));
        let options = wrap::Options::new(self.width).prefix(first, rest).mode(wrap::Mode::None);
        self.lines.extend(wrap::plain(&rule, self.theme.fg("border"), &options));
    }
}
