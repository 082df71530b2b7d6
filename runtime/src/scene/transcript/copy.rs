//! The transcript as plain text: for the clipboard, the pager and the search.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::{Block, Content, Picture, Tool, Transcript};
use crate::scene::format::{ansi, clean};

/// A block of code in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub language: String,
    pub text: String,
}

impl Transcript {
    /// What a block says, without any control character.
    pub fn plain_text(&self, id: &str) -> Option<String> {
        self.get(id).map(text_of)
    }

    /// The last answer, as it was written.
    pub fn last_answer(&self) -> Option<String> {
        self.iter().rev().find_map(|(_, block)| match block {
            Block::Answer { text, .. } if !text.trim().is_empty() => {
                Some(clean::prose(text).into_owned())
            }
            _ => None,
        })
    }

    /// The blocks of code in the last answer.
    pub fn last_code(&self) -> Vec<Code> {
        self.last_answer().map(|text| code_blocks(&text)).unwrap_or_default()
    }

    /// The last thing that the user said, and everything after it.
    pub fn last_turn(&self) -> String {
        let start =
            self.entries.iter().rposition(|entry| matches!(entry.block, Block::User { .. }));
        self.joined(start.unwrap_or(0))
    }

    /// Everything.
    pub fn whole_text(&self) -> String {
        self.joined(0)
    }

    fn joined(&self, start: usize) -> String {
        let mut whole = String::new();
        for entry in &self.entries[start..] {
            let text = text_of(&entry.block);
            let head = match &entry.block {
                Block::User { .. } => "> ",
                Block::Thinking { .. } => "(thinking) ",
                Block::Queued { .. } => "(queued) ",
                _ => "",
            };
            if text.trim().is_empty() {
                continue;
            }
            if !whole.is_empty() {
                whole.push('\n');
            }
            whole.push_str(head);
            whole.push_str(text.trim_end());
            whole.push('\n');
        }
        whole
    }
}

/// What a block says.
pub(super) fn text_of(block: &Block) -> String {
    let with_hint = |text: &str, hint: &Option<String>| match hint {
        Some(hint) => format!("{text}\n{hint}"),
        None => text.to_owned(),
    };
    let text = match block {
        Block::User { text, images } => {
            let mut lines = vec![text.clone()];
            lines.extend(images.iter().map(describe));
            lines.join("\n")
        }
        Block::Answer { text, .. } | Block::Thinking { text, .. } | Block::Queued { text } => {
            text.clone()
        }
        Block::Tool(tool) => return tool_text(tool),
        Block::Custom(custom) => custom.text.clone(),
        Block::Notice { text, hint, .. } | Block::Error { text, hint } => with_hint(text, hint),
        Block::Summary { title, text } => format!("{title}\n{text}"),
        Block::Aborted => "aborted".to_owned(),
    };
    match clean::prose(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(text) => text,
    }
}

fn tool_text(tool: &Tool) -> String {
    let mut text = clean::exact(&super::tool::summary(tool)).into_owned();
    for content in &tool.content {
        text.push('\n');
        match content {
            Content::Text(output) => text.push_str(&ansi::plain(output)),
            Content::Image(picture) => text.push_str(&describe(picture)),
        }
    }
    text
}

/// An image in words.
pub(super) fn describe(picture: &Picture) -> String {
    let kind = picture.media_type.strip_prefix("image/").unwrap_or(&picture.media_type);
    let kind = clean::exact_line(kind);
    let pixels = picture.pixels.map(|(width, height)| format!(" {width}×{height}"));
    let size = match picture.bytes {
        0..1024 => format!("{} bytes", picture.bytes),
        bytes @ 1024..1_048_576 => format!("{} KB", bytes.div_ceil(1024)),
        bytes => format!("{}.{} MB", bytes >> 20, ((bytes & 0xF_FFFF) * 10) >> 20),
    };
    format!("[image: {kind}{}, {size}]", pixels.unwrap_or_default())
}

fn code_blocks(text: &str) -> Vec<Code> {
    let mut blocks = Vec::new();
    let mut open: Option<Code> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => {
                        info.split_whitespace().next().unwrap_or_default().to_owned()
                    }
                    CodeBlockKind::Indented => String::new(),
                };
                open = Some(Code { language, text: String::new() });
            }
            Event::Text(text) => {
                if let Some(code) = &mut open {
                    code.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}
