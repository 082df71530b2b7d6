//! From events and entries to blocks: what the conversation shows. A session that is read from disk
//! shows what it showed while it went on.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use zi_kernel::term::{Frame, Rect};

use super::render::{Rendered, Wanted};
use crate::{
    hooks::Event,
    host::{self, Host},
    images,
    journal::Entry,
    message,
    modes::driver::ShellUpdate,
    registry::Callback,
    run::USER_BASH,
    scene::{
        draw::{PictureState, Pictures, SPIN},
        theme::Theme,
        transcript::{
            self, Block, Content, Custom, Drawn, Id, Level, Part, Picture, Status, Tool, ToolKind,
            View,
        },
        tree::Source,
    },
};

/// The conversation on the screen.
#[derive(Debug)]
pub struct Feed {
    view: View,
    shows_thinking: bool,
    /// Counts messages and notices, for the ids of their blocks.
    count: u64,
    /// The answer that is being written: the start of its blocks' ids.
    live: Option<String>,
    /// The blocks of calls, by the calls' ids.
    calls: HashMap<String, Id>,
    /// What extensions draw, by block.
    drawers: HashMap<Id, Drawers>,
    /// The images, by what their blocks call them.
    sources: HashMap<Id, Source>,
    pixels: HashMap<Id, (Arc<zi_kernel::surface::Frame>, zi_kernel::term::Picture)>,
    /// The command of the user that runs.
    shell: Option<Id>,
    /// What is to be seen in the place of the next answer's text.
    shown: Option<String>,
    /// Renderings that were asked for and have not come.
    asked: Vec<transcript::Wanted>,
    /// Whether blocks were taken out because they are in the terminal's scrollback.
    has_printed: bool,
    now: Duration,
}

/// Rows of one block that go into a terminal's scrollback.
const MAX_PRINTED_ROWS: u16 = 3000;

/// Whether a block stays as it is.
fn is_finished(block: &Block) -> bool {
    match block {
        Block::Answer { is_streaming, .. } | Block::Thinking { is_streaming, .. } => !is_streaming,
        Block::Tool(tool) => !tool.status.is_open(),
        Block::Queued { .. } => false,
        _ => true,
    }
}

/// Who draws a block, and what they are given.
#[derive(Debug, Default)]
struct Drawers {
    call: Option<(Callback, String)>,
    result: Option<(Callback, String)>,
    /// The message, or the result of the call.
    subject: Value,
}

impl Feed {
    pub fn new(shows_thinking: bool) -> Self {
        let mut view = View::new();
        view.has_pictures = true;
        Self {
            view,
            shows_thinking,
            count: 0,
            live: None,
            calls: HashMap::new(),
            drawers: HashMap::new(),
            sources: HashMap::new(),
            pixels: HashMap::new(),
            shell: None,
            shown: None,
            asked: Vec::new(),
            has_printed: false,
            now: Duration::ZERO,
        }
    }

    // What happens --------------------------------------------------------------------------------

    /// Shows the session as it is kept.
    pub fn rebuild(&mut self, host: &Host) {
        self.view.transcript.clear();
        self.live = None;
        self.calls.clear();
        self.drawers.clear();
        self.sources.clear();
        self.pixels.clear();
        let path = host.session.journal().path();
        for entry in &path {
            self.entry(host, entry);
        }
        self.view.to_bottom();
    }

    fn entry(&mut self, host: &Host, entry: &Entry) {
        let text = |name: &str| {
            entry.data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match entry.kind.as_str() {
            "message" => {
                if let Some(message) = entry.message() {
                    self.message(host, &entry.id, message);
                }
            }
            "compaction" => {
                self.summary(&entry.id, "Summary of what was said before", text("summary"));
            }
            "branch_summary" => {
                self.summary(&entry.id, "Summary of the branch that was left", text("summary"));
            }
            "custom" if text("custom_type") == USER_BASH => {
                if let Some(data) = entry.data.get("data") {
                    self.command(&entry.id, data);
                }
            }
            _ => {}
        }
    }

    fn summary(&mut self, id: &str, title: &str, text: String) {
        self.view.transcript.push(id, Block::Summary { title: title.to_owned(), text });
    }

    pub fn event(&mut self, host: &Host, event: &Event) {
        let field = |name: &str| event.fields.get(name);
        match event.name.as_str() {
            "message_start"
                if field("message")
                    .is_some_and(|message| message::role(message) == "assistant") =>
            {
                self.count += 1;
                self.live = Some(format!("live:{}", self.count));
            }
            "message_update" => {
                if let Some(update) = field("assistantMessageEvent") {
                    self.delta(host, update);
                }
            }
            "message" => {
                if let Some(message) = field("message") {
                    let id = message.get("entry_id").and_then(Value::as_str).unwrap_or_default();
                    self.message(host, id, message);
                }
            }
            "tool_execution_start" => self.call_started(field("tool_call_id"), field("args")),
            "tool_execution_update" => {
                self.call_shows(field("tool_call_id"), field("partial_result"));
            }
            "tool_execution_end" => self.call_ended(event),
            "session_compact" => {
                let entry = field("compaction_entry");
                let part = |name: &str| {
                    let entry = entry.and_then(|entry| entry.get(name));
                    entry.and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                self.summary(&part("id"), "Summary of what was said before", part("summary"));
            }
            "agent_end" => self.run_ended(event),
            "session_tree" => self.rebuild(host),
            "session_start" => {
                let reason = field("reason").and_then(Value::as_str).unwrap_or_default();
                if matches!(reason, "new" | "resume" | "fork") {
                    self.rebuild(host);
                }
            }
            _ => {}
        }
    }

    /// What is to be seen of the answer that comes next.
    pub fn show_instead(&mut self, text: String) {
        self.shown = Some(text);
    }

    /// A part of the answer that is being written.
    fn delta(&mut self, host: &Host, update: &Value) {
        let Some(live) = &self.live else { return };
        let kind = update.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "text_delta" && !host.registry.handlers("before_assistant_message").is_empty() {
            // Who decides what is seen has not seen it yet.
            return;
        }
        let index = update.get("content_index").and_then(Value::as_u64).unwrap_or(0);
        let delta = update.get("delta").and_then(Value::as_str).unwrap_or_default();
        let id = format!("{live}:{index}");
        let (text, is_streaming) = (String::new(), true);
        let block = match kind {
            "text_delta" => Block::Answer { text, is_streaming },
            "thinking_delta" => Block::Thinking { text, is_streaming },
            _ => return,
        };
        if self.view.transcript.get(&id).is_none() {
            self.push(&id, block);
        }
        self.view.transcript.append(&id, delta);
    }

    fn push(&mut self, id: &str, block: Block) {
        let is_thinking = matches!(block, Block::Thinking { .. });
        self.view.transcript.push(id, block);
        if is_thinking && self.shows_thinking && !self.view.is_expanded(id) {
            self.view.toggle(id);
        }
    }

    /// A message that is kept.
    fn message(&mut self, host: &Host, id: &str, message: &Value) {
        match message::role(message) {
            "user" => {
                let (text, images) = self.user_content(id, message);
                self.view.transcript.push(id, Block::User { text, images });
            }
            "assistant" => {
                // What was shown while it was written keeps its place.
                let base = self.live.take().unwrap_or_else(|| id.to_owned());
                self.answer(host, &base, message);
            }
            "tool_result" => self.result(message),
            "custom" => self.custom(host, id, message),
            _ => {}
        }
    }

    fn user_content(&mut self, id: &str, message: &Value) -> (String, Vec<Picture>) {
        let (mut text, mut images) = (String::new(), Vec::new());
        for content in self.contents(id, &message::blocks(message)) {
            match content {
                Content::Text(part) => text.push_str(&part),
                Content::Image(picture) => images.push(picture),
            }
        }
        (text, images)
    }

    /// Content blocks as what shows of them; images are kept to be drawn.
    fn contents(&mut self, id: &str, blocks: &[Value]) -> Vec<Content> {
        let mut contents = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            match message::block_type(block) {
                "text" => {
                    let text = block.get("text").and_then(Value::as_str).unwrap_or_default();
                    contents.push(Content::Text(text.to_owned()));
                }
                "image" => {
                    let picture = self.picture(&format!("{id}:image:{index}"), block);
                    contents.push(Content::Image(picture));
                }
                _ => {}
            }
        }
        contents
    }

    fn picture(&mut self, id: &str, block: &Value) -> Picture {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(text("data")).unwrap_or_default();
        let probed = images::probe(&bytes).ok();
        let id: Id = id.into();
        let size = bytes.len();
        self.sources.insert(id.clone(), Source::Bytes(bytes.into()));
        Picture {
            id,
            media_type: text("media_type").to_owned(),
            pixels: probed.map(|probed| (probed.width, probed.height)),
            bytes: size,
        }
    }

    fn answer(&mut self, host: &Host, base: &str, message: &Value) {
        let mut shown = self.shown.take().filter(|shown| *shown != message::text(message));
        for (index, block) in message::blocks(message).iter().enumerate() {
            let id = format!("{base}:{index}");
            let text =
                |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            match message::block_type(block) {
                "text" if shown.as_deref() == Some("") => {
                    self.view.transcript.remove(&id);
                }
                "text" if !text("text").trim().is_empty() => {
                    // All of it stands where the first part stood.
                    let text = match &mut shown {
                        Some(shown) => std::mem::take(shown),
                        None => text("text"),
                    };
                    let block = Block::Answer { text, is_streaming: false };
                    self.push(&id, block);
                }
                "thinking" if !text("text").trim().is_empty() => {
                    let block = Block::Thinking { text: text("text"), is_streaming: false };
                    self.push(&id, block);
                }
                "tool_call" => self.call(host, &id, block),
                _ => {
                    self.view.transcript.remove(&id);
                }
            }
        }
        match message.get("stop_reason").and_then(Value::as_str) {
            Some("error") => {
                if let Some(error) = message.get("error") {
                    self.error(&format!("{base}:error"), error);
                }
            }
            Some("aborted") => self.view.transcript.push(format!("{base}:aborted"), Block::Aborted),
            Some("length") => self.view.transcript.push(
                format!("{base}:length"),
                Block::Notice {
                    level: Level::Warning,
                    text: "the answer was cut off at the model's output limit".to_owned(),
                    hint: None,
                },
            ),
            _ => {}
        }
    }

    fn error(&mut self, id: &str, error: &Value) {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let hint = match text("kind") {
            "auth" => Some("/login logs in, /model chooses another model"),
            "rate_limit" | "overloaded" => Some("say anything to try again, or /model for another"),
            "context_overflow" => Some("/compact summarises the conversation"),
            "network" => Some("say anything to try again once you are connected"),
            _ => None,
        };
        let (text, hint) = (text("message").to_owned(), hint.map(str::to_owned));
        self.view.transcript.push(id, Block::Error { text, hint });
    }

    // Calls of tools ------------------------------------------------------------------------------

    fn call(&mut self, host: &Host, id: &str, block: &Value) {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("name").to_owned();
        let spec = host.registry.tool(&name);
        // A replacement that draws nothing inherits what the shadowed tool draws.
        let shadowed = spec.as_ref().and_then(|spec| host.registry.shadowed_tool(spec));
        let drawer = |pick: fn(&crate::registry::ToolSpec) -> &Option<Callback>| {
            let own = spec.as_ref().and_then(|spec| pick(spec).clone());
            own.or_else(|| shadowed.as_ref().and_then(|spec| pick(spec).clone()))
        };
        let call = drawer(|spec| &spec.render_call);
        let result = drawer(|spec| &spec.render_result);
        let tool = Tool {
            label: spec.as_ref().map(|spec| spec.label.clone()).unwrap_or_default(),
            kind: spec.as_ref().map_or(ToolKind::Other, |spec| ToolKind::of(&spec.kind)),
            args: block.get("arguments").cloned().unwrap_or(Value::Null),
            call: call.is_some().then(Drawn::pending),
            name: name.clone(),
            ..Tool::default()
        };
        let id: Id = id.into();
        self.calls.insert(text("id").to_owned(), id.clone());
        if call.is_some() || result.is_some() {
            let drawers = Drawers {
                call: call.map(|callback| (callback, format!("render_call of {name}"))),
                result: result.map(|callback| (callback, format!("render_result of {name}"))),
                subject: Value::Null,
            };
            self.drawers.insert(id.clone(), drawers);
        }
        self.view.transcript.push(id, Block::Tool(Box::new(tool)));
    }

    fn change_call(&mut self, id: Option<&Value>, change: impl FnOnce(&mut Tool)) {
        let Some(id) = id.and_then(Value::as_str).and_then(|id| self.calls.get(id)) else { return };
        self.view.transcript.update(id, |block| {
            if let Block::Tool(tool) = block {
                change(tool);
            }
        });
    }

    fn call_started(&mut self, id: Option<&Value>, args: Option<&Value>) {
        let now = self.now;
        self.change_call(id, |tool| {
            tool.status = Status::Running;
            tool.started = Some(now);
            if let Some(args) = args {
                tool.args = args.clone();
            }
        });
    }

    fn call_shows(&mut self, id: Option<&Value>, partial: Option<&Value>) {
        let Some(partial) = partial else { return };
        let block = id.and_then(Value::as_str).and_then(|id| self.calls.get(id)).cloned();
        let Some(block) = block else { return };
        let contents = self.contents(&block, &message::blocks(partial));
        self.set_subject(&block, partial.clone());
        self.change_call(id, |tool| tool.content = contents);
    }

    fn call_ended(&mut self, event: &Event) {
        let duration = event.fields.get("duration_ms").and_then(Value::as_u64);
        let outcome = event.fields.get("outcome").and_then(Value::as_str).unwrap_or_default();
        let status = Status::of(outcome);
        self.change_call(event.fields.get("tool_call_id"), |tool| {
            tool.status = status;
            tool.elapsed = duration.map(Duration::from_millis);
        });
    }

    /// The result that is kept.
    fn result(&mut self, message: &Value) {
        let id = message.get("tool_call_id");
        let block = id.and_then(Value::as_str).and_then(|id| self.calls.get(id)).cloned();
        let Some(block) = block else { return };
        let contents = self.contents(&block, &message::blocks(message));
        let outcome = message.get("outcome").and_then(Value::as_str).unwrap_or_default();
        let status = Status::of(outcome);
        let details = message.get("details").cloned().unwrap_or(Value::Null);
        let is_drawn = self.set_subject(&block, message.clone());
        self.change_call(id, |tool| {
            tool.status = status;
            tool.content = contents;
            tool.details = details;
            if is_drawn {
                tool.result = Some(Drawn::pending());
            }
        });
    }

    /// Gives a drawer of results what it is to draw; answers whether there is one.
    fn set_subject(&mut self, block: &Id, subject: Value) -> bool {
        let Some(drawers) = self.drawers.get_mut(block) else { return false };
        drawers.subject = subject;
        drawers.result.is_some()
    }

    // Other things --------------------------------------------------------------------------------

    fn custom(&mut self, host: &Host, id: &str, message: &Value) {
        let kind = message.get("custom_type").and_then(Value::as_str).unwrap_or_default();
        if kind == USER_BASH {
            if let Some(details) = message.get("details") {
                self.command(id, details);
            }
            return;
        }
        if message.get("display").and_then(Value::as_bool) == Some(false) {
            return;
        }
        let renderer = host.registry.renderer(kind);
        let custom = Custom {
            label: kind.to_owned(),
            text: message::text(message),
            drawn: renderer.is_some().then(Drawn::pending),
        };
        if let Some(renderer) = renderer {
            let drawers = Drawers {
                call: Some((renderer.render.clone(), format!("the renderer of {kind}"))),
                subject: message.clone(),
                ..Drawers::default()
            };
            self.drawers.insert(id.into(), drawers);
        }
        self.view.transcript.push(id, Block::Custom(custom));
    }

    /// A command of the user, as it is kept.
    fn command(&mut self, id: &str, details: &Value) {
        let text = |name: &str| details.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_hidden = details.get("exclude_from_context").and_then(Value::as_bool) == Some(true);
        let code = details.get("exit_code").and_then(Value::as_i64);
        let mut output = text("output").to_owned();
        if let Some(code) = code.filter(|code| *code != 0) {
            output.push_str(&format!("\n[exit {code}]"));
        }
        let tool = Tool {
            name: "you".to_owned(),
            label: if is_hidden { "!!" } else { "!" }.to_owned(),
            kind: ToolKind::Shell,
            args: json!({ "command": text("command") }),
            status: if code == Some(0) { Status::Ok } else { Status::Error },
            content: vec![Content::Text(output)],
            ..Tool::default()
        };
        // It takes the place of the block that showed it running.
        if let Some(running) = self.shell.take() {
            self.view.transcript.remove(&running);
        }
        self.view.transcript.push(id, Block::Tool(Box::new(tool)));
    }

    pub fn shell(&mut self, host: &Host, update: &ShellUpdate) {
        match update {
            ShellUpdate::Started(command) => {
                self.count += 1;
                let id: Id = format!("shell:{}", self.count).into();
                let tool = Tool {
                    name: "you".to_owned(),
                    label: if command.is_hidden { "!!" } else { "!" }.to_owned(),
                    kind: ToolKind::Shell,
                    args: json!({ "command": command.command }),
                    status: Status::Running,
                    started: Some(self.now),
                    ..Tool::default()
                };
                self.shell = Some(id.clone());
                self.view.transcript.push(id, Block::Tool(Box::new(tool)));
            }
            ShellUpdate::Ended(Ok(_)) => {
                // One that the model does not see is no message: it is read from the session.
                if let Some(running) = self.shell.take() {
                    self.view.transcript.remove(&running);
                    let last = host.session.journal().entries().last().cloned();
                    if let Some(entry) = last {
                        self.entry(host, &entry);
                    }
                }
            }
            ShellUpdate::Ended(Err(problem)) => {
                if let Some(running) = self.shell.take() {
                    let problem = problem.clone();
                    self.view.transcript.update(&running, |block| {
                        if let Block::Tool(tool) = block {
                            tool.status = Status::Error;
                            tool.content = vec![Content::Text(problem)];
                        }
                    });
                }
            }
        }
    }

    pub fn is_shell_running(&self) -> bool {
        self.shell.is_some()
    }

    pub fn notice(&mut self, level: host::Level, text: &str) {
        self.count += 1;
        let level = match level {
            host::Level::Debug | host::Level::Info => Level::Info,
            host::Level::Warn => Level::Warning,
            host::Level::Error => Level::Error,
        };
        let block = Block::Notice { level, text: text.to_owned(), hint: None };
        self.view.transcript.push(format!("notice:{}", self.count), block);
    }

    fn run_ended(&mut self, event: &Event) {
        self.live = None;
        let last = self.view.transcript.iter().next_back().map(|(_, block)| block);
        match event.fields.get("status").and_then(Value::as_str) {
            Some("aborted") if !matches!(last, Some(Block::Aborted)) => {
                self.count += 1;
                self.view.transcript.push(format!("end:{}", self.count), Block::Aborted);
            }
            Some("error") => {
                let Some(error) = event.fields.get("error").filter(|error| !error.is_null()) else {
                    return;
                };
                let message = error.get("message").and_then(Value::as_str);
                let is_told = matches!(last, Some(Block::Error { text, .. }) if Some(text.as_str()) == message);
                if !is_told {
                    self.count += 1;
                    let id = format!("end:{}", self.count);
                    self.error(&id, error);
                }
            }
            _ => {}
        }
    }

    // What extensions draw ------------------------------------------------------------------------

    /// The renderings that the last drawing missed.
    pub fn take_wanted(&mut self) -> Vec<Wanted> {
        let wanted = self.view.wanted().to_vec();
        let fresh = wanted.into_iter().filter(|wanted| !self.asked.contains(wanted));
        let fresh: Vec<_> = fresh.collect();
        self.asked.extend(fresh.iter().cloned());
        fresh.into_iter().filter_map(|wanted| self.describe(wanted)).collect()
    }

    fn describe(&self, wanted: transcript::Wanted) -> Option<Wanted> {
        let drawers = self.drawers.get(&wanted.id)?;
        let (callback, label) = match wanted.part {
            Part::Call | Part::Block => drawers.call.clone()?,
            Part::Result => drawers.result.clone()?,
        };
        let mut options = json!({
            "width": wanted.shape.width,
            "expanded": wanted.shape.is_expanded,
        });
        let mut subject = drawers.subject.clone();
        if let Some(Block::Tool(tool)) = self.view.transcript.get(&wanted.id) {
            options["partial"] = tool.status.is_open().into();
            options["label"] = tool.label.clone().into();
            match wanted.part {
                Part::Call => subject = tool.args.clone(),
                _ => {
                    options["is_error"] = (tool.status == Status::Error).into();
                    options["args"] = tool.args.clone();
                }
            }
        }
        Some(Wanted { wanted, callback, label, subject, options })
    }

    pub fn rendered(&mut self, rendered: Rendered) {
        self.asked.retain(|asked| *asked != rendered.wanted);
        self.view.transcript.set_drawn(&rendered.wanted, rendered.lines);
    }

    // Showing -------------------------------------------------------------------------------------

    pub fn draw(
        &mut self,
        frame: &mut Frame,
        area: Rect,
        theme: &Theme,
        pictures: &Pictures,
        now: Duration,
    ) {
        self.now = now;
        self.view.draw(frame, area, theme, now);
        for placed in self.view.pictures().to_vec() {
            self.draw_picture(frame, &placed, pictures);
        }
    }

    fn draw_picture(
        &mut self,
        frame: &mut Frame,
        placed: &transcript::Placed,
        pictures: &Pictures,
    ) {
        let Some(source) = self.sources.get(&placed.id) else { return };
        let PictureState::Ready(pixels) = pictures.get(source) else { return };
        let known = self.pixels.get(&placed.id).filter(|(old, _)| Arc::ptr_eq(old, &pixels));
        let picture = match known {
            Some((_, picture)) => picture.clone(),
            None => zi_kernel::term::Picture::new(pixels.clone()),
        };
        frame.put_picture_part(placed.area, &picture, placed.size, (0, placed.hidden_rows));
        self.pixels.insert(placed.id.clone(), (pixels, picture));
    }

    pub fn is_empty(&self) -> bool {
        !self.has_printed && self.view.transcript.is_empty()
    }

    /// Takes the first block out if nothing will change in it any more, drawn as it is kept in a
    /// terminal's scrollback.
    pub fn take_finished(&mut self, columns: u16, theme: &Theme) -> Option<Frame> {
        let (id, block) = self.view.transcript.iter().next()?;
        if !is_finished(block) {
            return None;
        }
        let id = id.clone();
        let block = self.view.transcript.remove(&id)?;
        self.has_printed = true;
        let mut view = View::new();
        view.transcript.push(id, block);
        view.to_top();
        let mut tall = Frame::new(columns, MAX_PRINTED_ROWS);
        let area = tall.area();
        view.draw(&mut tall, area, theme, self.now);
        let rows = u16::try_from(tall.text().trim_end().lines().count()).unwrap_or(0);
        let mut frame = Frame::new(columns, rows + 1);
        let area = frame.area();
        view.draw(&mut frame, area, theme, self.now);
        Some(frame)
    }

    /// The rows that the conversation would fill, `most` at the most.
    pub fn rows(&mut self, columns: u16, most: u16, theme: &Theme) -> u16 {
        if self.view.transcript.is_empty() {
            return 0;
        }
        let mut frame = Frame::new(columns, most);
        let area = frame.area();
        self.view.draw(&mut frame, area, theme, self.now);
        u16::try_from(frame.text().trim_end().lines().count()).unwrap_or(most)
    }

    pub fn next_deadline(&self, now: Duration) -> Option<Duration> {
        let step = SPIN.as_millis().max(1);
        let next = (now.as_millis() / step + 1) * step;
        let next = Duration::from_millis(u64::try_from(next).unwrap_or(u64::MAX));
        (self.view.is_animated() || self.view.is_pending()).then_some(next)
    }

    pub fn scroll(&mut self, rows: isize) {
        self.view.scroll(rows);
    }

    pub fn scroll_half(&mut self, times: isize) {
        if times < 0 { self.view.half_page_up() } else { self.view.half_page_down() }
    }

    pub fn scroll_page(&mut self, times: isize) {
        if times < 0 { self.view.page_up() } else { self.view.page_down() }
    }

    pub fn go_to_top(&mut self) {
        self.view.to_top();
    }

    pub fn go_to_bottom(&mut self) {
        self.view.to_bottom();
    }

    pub fn chosen(&self) -> Option<Id> {
        self.view.focus().cloned()
    }

    pub fn choose_next(&mut self) {
        self.view.focus_next();
    }

    pub fn choose_previous(&mut self) {
        self.view.focus_prev();
    }

    pub fn choose_none(&mut self) {
        self.view.set_focus(None);
    }

    pub fn toggle(&mut self, id: &str) {
        self.view.toggle(id);
    }

    pub fn toggle_all(&mut self) {
        self.view.toggle_all();
    }

    pub fn plain_text(&self, id: &str) -> String {
        self.view.transcript.plain_text(id).unwrap_or_default()
    }

    pub fn whole_text(&self) -> String {
        self.view.transcript.whole_text()
    }

    pub fn search(&mut self, text: &str) {
        self.view.search(text);
    }

    pub fn next_match(&mut self, step: isize) {
        if step < 0 { self.view.search_prev() } else { self.view.search_next() }
    }

    pub fn end_search(&mut self) {
        self.view.end_search();
    }

    /// Which place of how many the search is at.
    pub fn matches(&self) -> String {
        match self.view.search_status() {
            Some((_, 0)) | None => "nothing".to_owned(),
            Some((at, count)) => format!("{at}/{count}"),
        }
    }
}
