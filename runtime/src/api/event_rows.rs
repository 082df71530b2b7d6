//! The events: what each one is, what it carries and what a handler may answer.
//!
//! One row describes each event. The reference, the type stubs, `zi check` and the list of names read
//! the rows.

use super::types::Field;

/// One event.
#[derive(Debug)]
pub struct EventRow {
    pub name: &'static str,
    pub family: Family,
    /// When it is fired, in sentences.
    pub doc: &'static str,
    /// What the handler gets, besides `type`.
    pub fields: &'static [Field],
    /// What the handler may answer.
    pub returns: &'static [Field],
}

/// What becomes of a handler's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Nothing.
    Observer,
    /// Nothing, and only the extension that it is about hears of it.
    Owner,
    /// It changes the event for the next handler.
    Interceptor,
    /// The first one counts.
    FirstAnswer,
    /// As for an interceptor; a handler that fails blocks.
    Closed,
    /// Handlers may be registered; this version does not fire it.
    Reserved,
}

impl Family {
    pub fn name(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Owner => "observer, owner only",
            Self::Interceptor => "interceptor",
            Self::FirstAnswer => "interceptor, first answer",
            Self::Closed => "interceptor, fails closed",
            Self::Reserved => "reserved",
        }
    }
}

const BLOCK: Field = ("block?", "boolean", "Stops it; `cancel` does the same.");
const REASON: Field = ("reason?", "string", "Why it is stopped.");
const RUN_ID: Field = ("run_id", "string", "The run.");
const CALL_ID: Field = ("tool_call_id", "string", "The call.");
const TOOL_NAME: Field = ("tool_name", "string", "The tool.");
const ARGS: Field = ("args", "table", "Its arguments.");
const MESSAGE: Field = ("message", "zi.Message", "The message.");
const SYSTEM_PROMPT: Field = ("system_prompt?", "string", "The system prompt.");
const BINDING: Field = ("binding", "zi.Binding", "The session.");
const JOB_ID: Field = ("id", "integer", "The job.");
const OLD_LEAF: Field = ("old_leaf_id?", "string", "The entry that the next one followed.");

const fn row(
    name: &'static str,
    family: Family,
    doc: &'static str,
    fields: &'static [Field],
    returns: &'static [Field],
) -> EventRow {
    EventRow { name, family, doc, fields, returns }
}

const fn observer(name: &'static str, doc: &'static str, fields: &'static [Field]) -> EventRow {
    row(name, Family::Observer, doc, fields, &[])
}

const fn reserved(name: &'static str, doc: &'static str) -> EventRow {
    row(name, Family::Reserved, doc, &[], &[])
}

/// Every event, in the order of the reference.
pub const ROWS: &[EventRow] = &[
    row(
        "session_directory",
        Family::FirstAnswer,
        "Before the sessions of a directory are looked for.",
        &[("cwd", "string", "The working directory.")],
        &[("session_directory?", "string", "Where its sessions are.")],
    ),
    observer(
        "session_start",
        "The extension was bound to a session.",
        &[("reason", "string", "`startup`, `new`, `resume`, `fork` or `reload`."), BINDING],
    ),
    observer(
        "session_shutdown",
        "The session, or this build of the extension, ends. The handler must not wait.",
        &[("reason", "string", "`new`, `resume`, `fork`, `reload` or `exit`."), BINDING],
    ),
    row(
        "input",
        Family::Interceptor,
        "Something was said in the user's place or by the user, before it becomes a message.",
        &[
            ("text", "string", "What handlers made of it so far."),
            ("raw_text", "string", "What was said."),
            ("images", "table[]", "Image blocks."),
            ("source", "string", "`user`, `extension` or `rpc`."),
            ("queued", "boolean", "Whether a run goes on."),
        ],
        &[
            ("action?", "string", "`continue`, `transform`, or `handled`: there is no run."),
            ("text?", "string", "With `transform`."),
            ("images?", "table[]", "With `transform`."),
            BLOCK,
        ],
    ),
    row(
        "system_prompt_options",
        Family::Interceptor,
        "Before the system prompt is made. What handlers answer is added to the fields: arrays are \
         joined, others replaced.",
        &[
            ("cwd", "string", "The working directory."),
            ("config_dir", "string", "The user's configuration."),
            ("tools", "string[]", "The tools that the model may use."),
            ("selected_tools", "string[]", "The same."),
            ("tool_snippets", "table<string, string>", "A line about each tool that has one."),
            ("guidelines", "string[]", "Those of the tools, each once."),
            ("custom_prompt?", "string", "What `--system-prompt` says."),
            ("append_system_prompt", "string[]", "What `--append-system-prompt` says."),
            ("context_files", "table[]", "`{path, text}`."),
            ("skills", "table[]", "`{name, description}`."),
        ],
        &[
            ("guidelines?", "string[]", "More of them."),
            ("append_system_prompt?", "string[]", "More of it."),
            ("context_files?", "table[]", "More of them."),
            ("skills?", "table[]", "More of them."),
        ],
    ),
    row(
        "system_prompt",
        Family::FirstAnswer,
        "The system prompt is made from the options.",
        &[("options", "zi.event.system_prompt_options", "What there is to say.")],
        &[SYSTEM_PROMPT],
    ),
    row(
        "before_agent_start",
        Family::Interceptor,
        "A prompt was accepted. What is answered counts for this run.",
        &[
            ("prompt", "string", "The prompt."),
            ("images", "table[]", "Its image blocks."),
            ("system_prompt", "string", "The system prompt so far."),
            ("system_prompt_options", "zi.event.system_prompt_options", "What it was made from."),
        ],
        &[
            SYSTEM_PROMPT,
            ("message?", "table", "`{custom_type, content, display, details}`."),
            ("messages?", "table[]", "Several of them."),
        ],
    ),
    observer("agent_start", "A run begins.", &[RUN_ID]),
    observer(
        "agent_end",
        "A run ended.",
        &[
            RUN_ID,
            ("status", "string", "`completed`, `aborted` or `error`."),
            ("stop_reason", "string", "That of the last answer, or `limit`."),
            ("messages", "zi.Message[]", "What the run added."),
            ("usage", "zi.Usage", "Of all its requests."),
            ("turns", "integer", "How many requests."),
            ("elapsed_ms", "integer", "How long it took."),
            ("error?", "zi.Failure", "Why it failed."),
        ],
    ),
    observer("agent_abort", "A run was aborted; `agent_end` follows.", &[RUN_ID]),
    observer("agent_settled", "A run ended, and nothing waits to be said.", &[RUN_ID]),
    row(
        "before_turn",
        Family::Interceptor,
        "Before the model is asked.",
        &[("turn_index", "integer", "1 for the first of the run.")],
        &[BLOCK, REASON],
    ),
    observer(
        "turn_start",
        "The model is about to be asked.",
        &[("turn_index", "integer", "1 for the first of the run."), RUN_ID],
    ),
    observer(
        "turn_end",
        "The model answered, and its calls were run.",
        &[
            ("turn_index", "integer", "1 for the first of the run."),
            MESSAGE,
            ("tool_results", "zi.Message[]", "The results of its calls."),
            ("usage", "zi.Usage", "Of this request."),
            ("stop_reason", "string", "Why the answer ended."),
        ],
    ),
    row(
        "context",
        Family::Interceptor,
        "Before a request is made. The answer counts for this request.",
        &[("messages", "zi.Message[]", "What the model would see.")],
        &[("messages?", "zi.Message[]", "What it sees.")],
    ),
    row(
        "before_provider_request",
        Family::Interceptor,
        "Before the wire adapter gets a request.",
        &[
            ("provider", "string", "The provider."),
            ("model", "string", "The model's id."),
            ("request", "zi.ProviderRequest", "The request."),
        ],
        &[("request?", "zi.ProviderRequest", "The one to make.")],
    ),
    row(
        "before_provider_send",
        Family::Interceptor,
        "Before an adapter's HTTP request is sent.",
        &[
            ("url", "string", "Where to."),
            (
                "headers",
                "table<string, string>",
                "Credentials are redacted, and stay when left so.",
            ),
            ("body", "any", "JSON as data, anything else as text."),
        ],
        &[
            ("headers?", "table<string, string>", "Those to send."),
            ("body?", "any", "The one to send."),
        ],
    ),
    observer(
        "after_provider_response",
        "The head of a provider's answer arrived.",
        &[
            ("status", "integer", "The HTTP status."),
            ("headers", "table<string, string>", "Credentials are redacted."),
        ],
    ),
    observer("message_start", "An answer begins, or a message was taken in.", &[MESSAGE]),
    observer(
        "message_update",
        "An answer grows; at most thirty times a second.",
        &[
            ("message", "zi.Message", "The answer so far."),
            (
                "assistantMessageEvent",
                "{type: string, content_index: integer, delta?: string}",
                "`type` is `text_delta`, `thinking_delta`, `toolcall_delta`, …",
            ),
        ],
    ),
    observer("message_end", "An answer, or a message, is whole.", &[MESSAGE]),
    observer("message", "A message is in the journal; it has `entry_id` and `text`.", &[MESSAGE]),
    row(
        "before_assistant_message",
        Family::Interceptor,
        "Before the user sees an answer. The journal keeps the original.",
        &[("text", "string", "The answer's text.")],
        &[
            ("text?", "string", "What the user sees."),
            ("suppress?", "boolean", "The user sees nothing."),
        ],
    ),
    observer("tool_execution_start", "A call begins.", &[CALL_ID, TOOL_NAME, ARGS]),
    row(
        "tool_call",
        Family::Closed,
        "Before a tool is run. `event.input` may also be changed in place; it is checked again.",
        &[
            ("tool_call", "{id: string, name: string}", "The call."),
            CALL_ID,
            TOOL_NAME,
            ("input", "table", "The arguments, checked."),
            ("source", "string", "Who calls: `model`, `extension`, …"),
        ],
        &[BLOCK, REASON, ("input?", "table", "The arguments to use.")],
    ),
    observer(
        "tool_execution_update",
        "A tool shows a result in the making.",
        &[CALL_ID, TOOL_NAME, ARGS, ("partial_result", "zi.ToolResult", "The result so far.")],
    ),
    row(
        "tool_result",
        Family::Interceptor,
        "A tool ended; its result is not in the journal yet.",
        &[
            ("tool_call", "{id: string, name: string}", "The call."),
            CALL_ID,
            TOOL_NAME,
            ("input", "table", "The arguments."),
            ("content", "table[]", "What the model gets."),
            ("details?", "any", "What it does not get."),
            ("is_error", "boolean", "Whether the tool failed."),
        ],
        &[
            ("content?", "string|table[]", "Stands for the content."),
            ("details?", "any", "Stands for the details."),
            ("is_error?", "boolean", "Stands for the outcome."),
        ],
    ),
    observer(
        "tool_execution_end",
        "A call ended.",
        &[
            CALL_ID,
            TOOL_NAME,
            ARGS,
            ("result", "zi.ToolResult", "The result."),
            ("is_error", "boolean", "Whether it failed."),
            ("outcome", "string", "`ok`, `error`, `blocked` or `aborted`."),
            ("duration_ms", "integer", "How long it took."),
        ],
    ),
    row(
        "session_before_switch",
        Family::Interceptor,
        "Before zi goes to another session.",
        &[
            ("reason", "string", "`new` or `resume`."),
            ("target?", "string", "The session's file, with `resume`."),
        ],
        &[BLOCK, REASON],
    ),
    row(
        "session_before_fork",
        Family::Interceptor,
        "Before a session is made from a branch of this one.",
        &[("entry_id", "string", "The last entry that it gets.")],
        &[BLOCK, REASON],
    ),
    row(
        "session_before_compact",
        Family::FirstAnswer,
        "Before the older part of the conversation is summarised.",
        &[
            (
                "preparation",
                "{messages: zi.Message[], tokens_before: integer, first_kept_entry_id: string}",
                "What would be summarised.",
            ),
            ("reason", "string", "`manual`, `threshold` or `overflow`."),
            ("instructions?", "string", "What the user wants of the summary."),
        ],
        &[
            BLOCK,
            REASON,
            (
                "compaction?",
                "{summary: string, first_kept_entry_id?: string, details?: any}",
                "The summary to use.",
            ),
        ],
    ),
    observer(
        "session_compact",
        "The older part of the conversation was summarised.",
        &[
            ("compaction_entry", "table", "The entry of the journal."),
            ("from_extension?", "string", "Who made the summary."),
            ("reason", "string", "`manual`, `threshold` or `overflow`."),
            ("tokens_before", "integer", "What the context held."),
            ("tokens_after", "integer", "What it holds."),
        ],
    ),
    row(
        "session_before_tree",
        Family::Interceptor,
        "Before the session goes on from another entry.",
        &[
            ("target_id?", "string", "That entry; nil is before the first."),
            OLD_LEAF,
            ("summarize", "boolean", "Whether a summary of what is left is wanted."),
            ("instructions?", "string", "What the user wants of it."),
            ("messages", "zi.Message[]", "What is left, when a summary is wanted."),
        ],
        &[
            BLOCK,
            REASON,
            ("summary?", "string", "A summary of the branch that is left."),
            ("label?", "string", "A label for the target."),
        ],
    ),
    observer(
        "session_tree",
        "The session goes on from another entry.",
        &[
            ("new_leaf_id?", "string", "The entry that the next one follows."),
            OLD_LEAF,
            ("target_id?", "string", "The entry that was asked for."),
            ("summary_entry?", "table", "The entry of the summary."),
        ],
    ),
    observer(
        "screen_resize",
        "The terminal's window has another size.",
        &[("columns", "integer", "How wide it is."), ("rows", "integer", "How high it is.")],
    ),
    observer("session_rename", "The session got a name.", &[("name", "string", "The name.")]),
    observer(
        "queue_update",
        "Messages were queued, or taken from the queue.",
        &[
            ("steering", "string[]", "For the next model call."),
            ("follow_up", "string[]", "For when the model is done."),
        ],
    ),
    observer(
        "steer_inject",
        "A queued message was taken into the conversation.",
        &[("text", "string", "The message."), ("queue", "string", "`steering` or `follow_up`.")],
    ),
    observer(
        "retry",
        "The loop waits before it goes on.",
        &[("label", "string", "What it waits for."), ("wait_ms", "number", "How long.")],
    ),
    observer(
        "model_select",
        "A model was chosen.",
        &[
            ("model", "zi.Model", "The model."),
            ("previous_model?", "zi.Model", "The one before; at least its `provider` and `id`."),
            ("source", "string", "`set` or `restore`."),
        ],
    ),
    observer(
        "reasoning_select",
        "The thinking level was chosen.",
        &[("reasoning", "string", "The level.")],
    ),
    row(
        "job_stdout",
        Family::Owner,
        "A job printed something.",
        &[JOB_ID, ("data", "string", "A part of it.")],
        &[],
    ),
    row(
        "job_stderr",
        Family::Owner,
        "A job printed something to its standard error.",
        &[JOB_ID, ("data", "string", "A part of it.")],
        &[],
    ),
    row(
        "job_json",
        Family::Owner,
        "A job whose output is JSON lines printed one.",
        &[
            JOB_ID,
            ("value?", "any", "What it says."),
            ("is_error?", "boolean", "Whether the line cannot be used."),
            ("error?", "string", "Why not."),
        ],
        &[],
    ),
    row(
        "job_exit",
        Family::Owner,
        "A job ended.",
        &[
            JOB_ID,
            ("code?", "integer", "Its exit code."),
            ("signal?", "integer", "The signal that ended it."),
        ],
        &[],
    ),
    row(
        "resources_discover",
        Family::Interceptor,
        "The terminal interface looks for resources: when it starts, and after a reload. What all \
         handlers answer is put together. Themes are used; skills and prompts are not yet.",
        &[
            ("cwd", "string", "The working directory."),
            ("reason", "string", "`startup` or `reload`."),
        ],
        &[
            ("themes?", "string[]", "Theme files, or folders of them."),
            ("skills?", "string[]", "Folders of skills."),
            ("prompts?", "string[]", "Prompt files, or folders of them."),
        ],
    ),
    row(
        "user_bash",
        Family::Closed,
        "The user typed `!command` or `!!command` at the terminal. The first result counts; the \
         bundled `user-bash` runs what nobody else answers. A handler that fails refuses the command.",
        &[
            ("command", "string", "The command line."),
            ("exclude_from_context", "boolean", "Whether the model is not to see it: `!!`."),
            ("cwd", "string", "Where it runs."),
        ],
        &[
            ("result?", "{output: string, exit_code?: integer}", "What it came to; it is not run."),
            BLOCK,
            REASON,
        ],
    ),
    row(
        "ui",
        Family::Owner,
        "Something happened in a view of the extension; its `type` says what: `key`, `change`, \
         `submit`, `select` or `resize`.",
        &[
            ("view", "string", "The view."),
            ("node?", "string", "The node, if it has an id."),
            ("action?", "string", "What the view calls it."),
            ("key?", "string", "The canonical name of the key, with its modifiers."),
            ("ctrl?", "boolean", "Of a key."),
            ("alt?", "boolean", "Of a key."),
            ("shift?", "boolean", "Of a key."),
            ("value?", "any", "The text of an input, or the value of the selected item."),
            ("index?", "integer", "The place of the selected item."),
            ("width?", "integer", "Of a surface, in cells."),
            ("height?", "integer", "Of a surface, in cells."),
            ("edit?", "integer", "Counts what the user typed and chose in the view."),
        ],
        &[],
    ),
    reserved("resources_discover", "Folders of skills, prompts and themes are looked for."),
    reserved("user_bash", "The user runs a shell command."),
    observer("spawn_start", "A child agent begins.", &[SPAWN_ID, SPAWN_OWNER, SPAWN_TASK]),
    observer(
        "spawn_complete",
        "A child agent ended well.",
        &[
            SPAWN_ID,
            SPAWN_OWNER,
            SPAWN_TASK,
            ("final_text", "string", "Its answer."),
            ("usage", "zi.Usage", "What it used, with `turns`."),
            ("exit_code", "integer?", "Of its process."),
        ],
    ),
    observer(
        "spawn_error",
        "A child agent failed, or was cancelled.",
        &[SPAWN_ID, SPAWN_OWNER, SPAWN_TASK, ("error", "string", "Why.")],
    ),
    reserved("mcp_connect", "A tool server answers."),
    reserved("mcp_error", "A tool server failed."),
    reserved("mcp_close", "A tool server is gone."),
    reserved("mcp_tool_start", "A tool of a server begins."),
    reserved("mcp_tool_end", "A tool of a server ended."),
];

const SPAWN_ID: Field = ("id", "string", "The same in all three events of a child.");
const SPAWN_OWNER: Field = ("extension", "string", "Which extension asked for it.");
const SPAWN_TASK: Field = ("task", "string", "What it is to do.");

/// The names of all events.
pub const NAMES: &[&str] = &{
    let mut names = [""; ROWS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ROWS[index].name;
        index += 1;
    }
    names
};

/// The fields of an event, besides `type`; `None` for one whose fields nobody knows yet.
pub fn fields(event: &str) -> Option<Vec<&'static str>> {
    if event.contains(':') {
        return Some(vec!["data", "from"]);
    }
    let row = ROWS.iter().find(|row| row.name == event && row.family != Family::Reserved)?;
    Some(row.fields.iter().map(|(name, ..)| name.trim_end_matches('?')).collect())
}

/// The fields of all events.
pub fn all_fields() -> impl Iterator<Item = &'static str> {
    let own = ["type", "data", "from"].into_iter();
    own.chain(ROWS.iter().flat_map(|row| row.fields).map(|(name, ..)| name.trim_end_matches('?')))
}
