//! What extensions make of a block: their renderers, called beside, and their answers as lines.

use std::{sync::Arc, time::Duration};

use mlua::{MultiValue, Value as LuaValue};
use serde_json::{Value, json};
use zi_kernel::{
    scheduler::{self, Nulls},
    term::{Frame, Rect, Style},
};

use crate::{
    extensions::{Invocation, budgets},
    host::Host,
    registry::Callback,
    scene::{
        draw::{DrawContext, Pictures, draw_node, height_of},
        line::{Line, Span},
        theme::Theme,
        transcript,
        tree::Node,
    },
};

/// Most rows that a renderer's answer takes.
const MAX_ROWS: u16 = 2000;

/// A rendering that is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub wanted: transcript::Wanted,
    pub callback: Callback,
    pub label: String,
    /// The arguments, the result, or the message.
    pub subject: Value,
    /// What the renderer is told besides.
    pub options: Value,
}

/// What came of it.
#[derive(Debug)]
pub struct Rendered {
    pub wanted: transcript::Wanted,
    /// Nothing when the block is to be drawn as any other.
    pub lines: Option<Vec<Line>>,
}

/// Has an extension draw a part of a block. A renderer that fails is told of once; the block is then
/// drawn as any other.
pub async fn render(host: &Arc<Host>, wanted: Wanted, theme: &Theme) -> Rendered {
    let width = u16::try_from(wanted.wanted.shape.width).unwrap_or(u16::MAX);
    let answer = ask(host, &wanted).await;
    let lines = answer.and_then(|answer| {
        let drawn = lines_of(host, &answer, width, theme).inspect_err(|problem| {
            let text = format!("{}: its answer cannot be drawn: {problem}", wanted.label);
            crate::logs::write(host, &wanted.callback.owner.id, "error", &text);
        });
        drawn.ok()
    });
    Rendered { wanted: wanted.wanted, lines }
}

/// What the renderer answers; nothing when it leaves the block to the default, or fails.
async fn ask(host: &Arc<Host>, wanted: &Wanted) -> Option<Value> {
    let (subject, options) = (wanted.subject.clone(), wanted.options.clone());
    let call = Invocation::new(&wanted.callback, wanted.label.clone(), budgets::RENDER).start(
        move |lua| {
            let subject = scheduler::to_lua(lua, &subject, Nulls::Nil)?;
            let options = scheduler::to_lua(lua, &options, Nulls::Nil)?;
            Ok(MultiValue::from_iter([subject, options]))
        },
        |lua, values| match values.into_iter().next() {
            None | Some(LuaValue::Nil) => Ok(None),
            Some(value) => {
                scheduler::from_lua(lua, &value).map(Some).map_err(mlua::Error::external)
            }
        },
    );
    match tokio::time::timeout(Duration::from_secs(5), call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => {
            if !failure.cancelled {
                host.count_failure(&failure);
                let text = format!("{}: {}\n{}", wanted.label, failure.message, failure.traceback);
                crate::logs::write(host, &failure.extension, "error", text.trim_end());
            }
            None
        }
        Err(_) => None,
    }
}

/// The lines of an answer: a line, lines, or a tree.
fn lines_of(host: &Host, answer: &Value, columns: u16, theme: &Theme) -> Result<Vec<Line>, String> {
    if answer.as_str() == Some("") {
        return Ok(Vec::new());
    }
    let tree = as_tree(answer);
    let node = Node::read(&tree).map_err(|fault| fault.to_string())?;
    let pictures = Pictures::new(host.io.clone(), host.cwd.clone());
    let context =
        DrawContext { theme, now: Duration::ZERO, surfaces: &host.surfaces, pictures: &pictures };
    let height = height_of(&node, columns, context).min(MAX_ROWS);
    let mut frame = Frame::new(columns, height);
    draw_node(&mut frame, Rect::new(0, 0, columns, height), &node, context);
    Ok(read_lines(&frame))
}

/// Every kind of answer as a tree.
fn as_tree(answer: &Value) -> Value {
    let line = |content: &Value| match content {
        Value::Array(spans) => {
            json!({ "type": "text", "spans": spans, "wrap": "none", "overflow": "ellipsis" })
        }
        text => json!({
            "type": "text", "text": text.as_str().unwrap_or_default(),
            "wrap": "none", "overflow": "ellipsis",
        }),
    };
    match (answer, answer.get("lines")) {
        (Value::String(_), _) => line(answer),
        (_, Some(Value::Array(lines))) => {
            json!({ "type": "view", "children": lines.iter().map(line).collect::<Vec<_>>() })
        }
        _ => answer.clone(),
    }
}

/// What is on a frame, as lines.
fn read_lines(frame: &Frame) -> Vec<Line> {
    let area = frame.area();
    let mut lines = Vec::new();
    for y in 0..area.height {
        let mut spans: Vec<Span> = Vec::new();
        let mut x = 0;
        while x < area.width {
            let Some((symbol, style)) = frame.cell(x, y) else { break };
            let link = frame.link(x, y).cloned();
            match spans.last_mut() {
                Some(last) if last.style == style && last.link == link => {
                    last.text.push_str(symbol);
                }
                _ => spans.push(Span { text: symbol.to_owned(), style, link }),
            }
            x += u16::try_from(zi_kernel::term::width(symbol)).unwrap_or(1).max(1);
        }
        while let Some(last) = spans.last_mut() {
            let is_plain = last.style.bg.is_none() && last.style.add_modifier.is_empty();
            let kept = last.text.trim_end().len();
            if !is_plain || kept == last.text.len() {
                break;
            }
            last.text.truncate(kept);
            if !last.text.is_empty() {
                break;
            }
            spans.pop();
        }
        lines.push(Line { spans, fill: Style::new() });
    }
    lines
}
