//! The types that the rows of the API name: which fields each has.
//!
//! `zi.Ctx`, `zi.Run` and the events are types too; theirs come from the rows themselves.

/// A field: its name (with `?` when it may be missing), its type, and what it is.
pub type Field = (&'static str, &'static str, &'static str);

/// A table, or a value with methods, that scripts give or get.
#[derive(Debug)]
pub struct Class {
    pub name: &'static str,
    pub doc: &'static str,
    pub fields: &'static [Field],
}

const fn class(name: &'static str, doc: &'static str, fields: &'static [Field]) -> Class {
    Class { name, doc, fields }
}

const CWD: Field = ("cwd?", "string", "The directory to work in; that of the session.");
const ENV: Field = ("env?", "table<string, string>", "Variables to add.");
const TIMEOUT: Field = ("timeout_ms?", "integer", "How long it may take.");
const HIDDEN: Field = ("hidden?", "boolean", "Whether hidden files count.");
const NO_IGNORE: Field = ("no_ignore?", "boolean", "Whether ignored files count.");
const GLOB: Field = ("glob?", "string", "Which files count.");
const LIMIT: Field = ("limit?", "integer", "How many are answered at most.");
const IS_ERROR: Field = ("is_error?", "boolean", "Whether it failed.");
const USAGE: Field = ("usage?", "zi.Usage", "What it cost.");
const ON: Field = ("on?", "fun(event: table)", "Hears of what happens; must not wait.");
const MODEL: Field = ("model?", "string|{provider: string, id: string}", "The model to ask.");
const REASONING: Field = ("reasoning?", "string", "The thinking level.");
const MAX_TOKENS: Field = ("max_tokens?", "integer", "How long an answer may be.");
const SYSTEM_PROMPT: Field = ("system_prompt?", "string", "The system prompt.");
const MESSAGES: Field = ("messages?", "zi.Message[]", "What was said before.");

/// All types, in the order of the alphabet.
pub const CLASSES: &[Class] = &[
    class(
        "zi.AiAnswer",
        "What a model said to an extension.",
        &[
            ("status", "string", "`completed`, `error` or `cancelled`."),
            ("text", "string", "The answer's text."),
            ("value?", "any", "The answer as data, when there was a schema."),
            ("message?", "zi.Message", "The answer."),
            USAGE,
            ("turns?", "integer", "How many requests it took."),
            ("model?", "string", "The model that answered."),
            ("stop_reason?", "string", "Why the answer ended."),
            ("error?", "zi.Failure", "Why there is none."),
        ],
    ),
    class(
        "zi.AiRequest",
        "One question to a model.",
        &[
            ("prompt?", "string", "The question; it comes after the messages."),
            MESSAGES,
            SYSTEM_PROMPT,
            MODEL,
            MAX_TOKENS,
            REASONING,
            ("schema?", "table", "JSON schema that the answer has to fit."),
            ON,
        ],
    ),
    class(
        "zi.AiSession",
        "A conversation in memory.",
        &[
            (
                "prompt",
                "async fun(self: zi.AiSession, prompt: string|{prompt: string, images?: table[], on?: fun(event: table)}): zi.AiAnswer?, zi.Error?",
                "Says something and waits for the answer.",
            ),
            ("abort", "fun(self: zi.AiSession)", "Ends the answer that is under way."),
            ("clear", "fun(self: zi.AiSession)", "Forgets what was said."),
            ("dispose", "fun(self: zi.AiSession)", "Ends the conversation."),
            ("is_busy", "fun(self: zi.AiSession): boolean", "Whether it is answering."),
            (
                "info",
                "fun(self: zi.AiSession): {model?: zi.Model, tools: string[], messages: integer, busy: boolean, disposed: boolean}",
                "How it is doing.",
            ),
            (
                "messages",
                "fun(self: zi.AiSession, limit?: integer): zi.Message[]",
                "What was said, the newest `limit` of it.",
            ),
        ],
    ),
    class(
        "zi.Binding",
        "What an extension is bound to.",
        &[
            ("session_id", "string", "The session."),
            ("session_file?", "string", "Where it is kept; nil until it is."),
            ("workspace_id", "string", "Names the working directory."),
            ("generation_id?", "integer", "Counts the builds of the extension; in `ctx` only."),
            ("state_owner_id?", "string", "Root and extension; in `ctx` only."),
            ("namespace_id?", "string", "The extension; in `ctx` only."),
            ("runtime_root_id?", "string", "The root; in `ctx` only."),
        ],
    ),
    class(
        "zi.CommandSpec",
        "A slash command.",
        &[
            ("name", "string", "Its name, without `/`."),
            ("description?", "string", "What it does, in a line."),
            ("handler", "async fun(args: string, ctx: zi.Ctx)", "Does it; may wait."),
            ("aliases?", "string[]", "Other names."),
            (
                "complete?",
                "fun(prefix: string, ctx: zi.Ctx): (string|{value: string, label?: string})[]",
                "Completes its arguments.",
            ),
        ],
    ),
    class(
        "zi.Error",
        "Why something could not be done; prints as its message.",
        &[
            ("kind", "string", "`io`, `timeout`, `stale`, …"),
            ("message", "string", "What happened."),
        ],
    ),
    class(
        "zi.ExtensionInfo",
        "The extension that runs.",
        &[
            ("id", "string", "Its id."),
            ("source", "string", "`explicit`, `user`, `project`, `system` or `builtin`."),
            ("entry", "string", "Its file."),
            ("root", "string", "The root that it is in."),
            ("data_dir", "string", "Where it may keep files."),
        ],
    ),
    class(
        "zi.ExtensionState",
        "An extension and what it costs.",
        &[
            ("id", "string", "Its id."),
            ("source", "string", "`explicit`, `user`, `project`, `system` or `builtin`."),
            ("state", "string", "`loaded` or `failed`."),
            ("error?", "string", "Why it failed."),
            ("entry?", "string", "Its file."),
            ("version?", "string", "From its manifest."),
            ("description?", "string", "From its manifest."),
            ("generation?", "integer", "Counts its builds."),
            ("errors?", "integer", "Errors so far."),
            ("memory?", "integer", "Bytes of Lua."),
            ("busy_ms?", "number", "How long its code ran."),
            ("calls?", "integer", "Calls into it."),
            ("pending?", "integer", "Calls that wait or run."),
            ("tools?", "integer", "How many it registered."),
            ("commands?", "integer", "How many it registered."),
            ("providers?", "integer", "How many it registered."),
            ("handlers?", "integer", "How many it registered."),
        ],
    ),
    class(
        "zi.Failure",
        "Why a provider gave no whole answer.",
        &[
            ("kind", "string", "One of the kinds of `zi.failure`."),
            ("message", "string", "What happened."),
            ("retryable?", "boolean", "Whether another attempt may help."),
            ("code?", "string", "What the provider calls it."),
            ("status?", "integer", "The HTTP status."),
            ("retry_after_ms?", "number", "When to try again."),
            ("request_id?", "string", "What the provider calls the request."),
        ],
    ),
    class(
        "zi.GrepOptions",
        "Where and how to search.",
        &[
            ("path?", "string", "A file or a folder."),
            ("literal?", "boolean", "The pattern is a text."),
            ("ignore_case?", "boolean", "Letters are alike in either case."),
            GLOB,
            ("context?", "integer", "Lines around a match."),
            LIMIT,
            HIDDEN,
            NO_IGNORE,
            ("multiline?", "boolean", "A match may span lines."),
        ],
    ),
    class(
        "zi.GrepResult",
        "What was found.",
        &[
            (
                "matches",
                "{path: string, line: integer, text: string, context?: {line: integer, text: string}[]}[]",
                "Sorted by path and line.",
            ),
            ("files", "integer", "How many files match."),
            ("truncated", "boolean", "Whether there is more."),
        ],
    ),
    class(
        "zi.HttpRequest",
        "A request.",
        &[
            ("url", "string", "Where to."),
            ("method?", "string", "GET, or POST with a body."),
            ("headers?", "table<string, string>", "Its headers."),
            ("body?", "string", "Its body."),
            (
                "json?",
                "any",
                "A body that is data; with `decode = \"sse\"`, true reads items as JSON.",
            ),
            ("decode?", "string", "`sse`, `lines`, `json_lines` or `bytes`."),
            TIMEOUT,
            ("connect_timeout_ms?", "integer", "How long connecting may take."),
            ("first_byte_timeout_ms?", "integer", "How long the head may take."),
            ("idle_timeout_ms?", "integer", "How long nothing may come."),
            ("idle_ignore?", "string[]", "Events that do not count as news."),
            ("max_bytes?", "integer", "How long the answer may be."),
        ],
    ),
    class(
        "zi.HttpStream",
        "An answer that is still coming.",
        &[
            ("status", "integer", "The HTTP status."),
            ("headers", "table<string, string>", "Names are in lower case."),
            ("each", "fun(self: zi.HttpStream): (async fun(): any)", "For loops over the items."),
            ("read", "async fun(self: zi.HttpStream): string?, zi.Error?", "Reads the rest."),
            ("close", "fun(self: zi.HttpStream)", "Closes the connection."),
        ],
    ),
    class(
        "zi.Listener",
        "Waits for one request to this machine.",
        &[
            ("port", "integer", "Where it listens."),
            ("url", "string", "What the request must go to, for a `redirect_uri`."),
            (
                "wait",
                "async fun(self: zi.Listener): table<string, string>?, zi.Error?",
                "The query of the request.",
            ),
            ("close", "fun(self: zi.Listener)", "Ends it."),
        ],
    ),
    class(
        "zi.Message",
        "A message of the conversation.",
        &[
            ("role", "string", "`user`, `assistant`, `tool_result` or `custom`."),
            ("content", "string|table[]", "A text, or blocks."),
            ("entry_id?", "string", "Its entry in the journal."),
            ("text?", "string", "All its text, in the event `message`."),
            ("provider?", "string", "Of an answer."),
            ("model?", "string", "Of an answer."),
            ("api?", "string", "Of an answer: the wire."),
            USAGE,
            ("stop_reason?", "string", "Of an answer: why it ended."),
            ("error?", "zi.Failure", "Of an answer: why it is not whole."),
            ("tool_call_id?", "string", "Of a result."),
            ("tool_name?", "string", "Of a result."),
            ("details?", "any", "Of a result: what the model does not get."),
            ("presentation?", "any", "Of a result: what its renderer gets."),
            IS_ERROR,
            ("outcome?", "string", "Of a result: `ok`, `error`, `blocked` or `aborted`."),
            ("custom_type?", "string", "Of a custom one."),
        ],
    ),
    class(
        "zi.Model",
        "A model.",
        &[
            ("id", "string", "Its id."),
            ("provider", "string", "Whose it is."),
            ("name?", "string", "What people call it."),
            ("source?", "string", "`catalog`, `extension` or `unknown`."),
            ("context_window?", "integer", "In tokens."),
            ("max_tokens?", "integer", "Of an answer."),
            ("reasoning?", "boolean", "Whether it thinks."),
            ("input?", "string[]", "`text`, `image`."),
            (
                "cost?",
                "{input?: number, output?: number, cache_read?: number, cache_write?: number}",
                "In US dollars for a million tokens.",
            ),
            ("api?", "string", "Its wire, when it is not its provider's."),
            ("headers?", "table<string, string>", "More headers."),
            ("compat?", "table", "Switches of the wire."),
        ],
    ),
    class(
        "zi.ProviderConfig",
        "A provider.",
        &[
            ("base_url", "string", "Where it is; `none:` for one without a network."),
            ("api?", "string", "Its wire."),
            ("api_key?", "string", "A literal, `$NAME` or `!command`."),
            ("headers?", "table<string, string>", "More headers."),
            ("models?", "(zi.Model|{id: string})[]", "Its models; `provider` is filled in."),
            ("default_model?", "string", "The one to take when none is named."),
            ("compat?", "table", "Switches of the wire."),
            ("oauth?", "table", "`{login, refresh_token, get_api_key, name?}`."),
        ],
    ),
    class(
        "zi.ProviderRequest",
        "A request before it goes to a wire adapter.",
        &[
            ("model?", "string", "The model's id."),
            SYSTEM_PROMPT,
            MESSAGES,
            ("tools?", "table[]", "`{name, description, parameters}`."),
            REASONING,
            MAX_TOKENS,
            ("options?", "table", "What only this provider knows."),
        ],
    ),
    class(
        "zi.Request",
        "A request, as a wire adapter gets it.",
        &[
            ("model", "zi.Model", "The model."),
            (
                "provider",
                "{name: string, base_url: string, headers: table<string, string>, compat: table, is_default_url: boolean}",
                "The provider.",
            ),
            ("auth", "{kind: string, token?: string}", "The credential."),
            ("system_prompt", "string", "The system prompt."),
            ("messages", "zi.Message[]", "To be read, not to be changed."),
            ("tools", "table[]", "`{name, description, parameters}`."),
            REASONING,
            ("reasoning_budget?", "integer", "Tokens that the level stands for."),
            ("max_tokens", "integer", "How long the answer may be."),
            ("options", "table", "What only this provider knows."),
            ("session_id", "string", "The session."),
        ],
    ),
    class(
        "zi.Semaphore",
        "Lets a number of calls in at once.",
        &[(
            "with",
            "async fun(self: zi.Semaphore, fn: async fun(): any): any",
            "Waits for a place and calls `fn`.",
        )],
    ),
    class(
        "zi.SessionInfo",
        "A session.",
        &[
            ("id", "string", "Its id."),
            ("file?", "string", "Where it is kept; nil until it is."),
            ("name?", "string", "What the user calls it."),
            ("cwd", "string", "Its working directory."),
            ("created_at", "string", "When it began."),
            ("leaf?", "string", "The entry that the next one follows."),
            ("entries", "integer", "How many there are."),
        ],
    ),
    class(
        "zi.Signal",
        "Tells whether work was aborted.",
        &[
            ("aborted", "boolean", "Whether it was."),
            ("reason?", "string", "Why."),
            ("on_abort", "fun(self: zi.Signal, fn: fun())", "Calls `fn` when it is."),
        ],
    ),
    class(
        "zi.SpawnOptions",
        "Work for a child agent.",
        &[
            ("task", "string", "What to do."),
            ("model?", "string", "The model; this one's when left out."),
            ("tools?", "string|string[]", "The tools that it may use."),
            ("system_append?", "string", "What to add to its system prompt."),
            CWD,
            ENV,
            TIMEOUT,
            ON,
        ],
    ),
    class(
        "zi.SpawnResult",
        "What a child agent said, as a tool result.",
        &[
            ("content", "table[]", "Its last answer, or what went wrong."),
            ("details", "table", "Exit code and usage."),
            ("is_error", "boolean", "Whether it failed."),
            ("exit_code?", "integer", "Its exit code."),
            ("final_text", "string", "Its last answer."),
            ("stop_reason", "string", "Why that ended."),
            ("model?", "string", "Its model."),
            ("error_message?", "string", "What went wrong."),
            ("cancelled", "boolean", "Whether it was aborted."),
            ("stderr", "string", "What it printed there."),
            ("usage", "zi.Usage", "What it cost; with `turns`."),
        ],
    ),
    class(
        "zi.Stat",
        "What is at a path.",
        &[
            ("type", "string", "`file`, `dir`, `link` or `other`."),
            ("size", "integer", "In bytes."),
            ("mtime_ms?", "integer", "When it was changed, since 1970."),
            ("mode", "integer", "Its permissions."),
        ],
    ),
    class(
        "zi.SystemOptions",
        "How to run a program.",
        &[
            CWD,
            ("stdin?", "string", "What it reads."),
            ("stdio?", "string", "`capture`, or `terminal` for a program that takes the screen."),
            ENV,
            ("clear_env?", "boolean", "Nothing but `env` is set."),
            TIMEOUT,
            ("max_stdout_bytes?", "integer", "How much is kept."),
            ("max_stderr_bytes?", "integer", "How much is kept."),
            ("text?", "boolean", "Whether the output is text."),
            ("merge?", "boolean", "Standard error goes into standard output."),
            ("tail?", "boolean", "Keeps the end of a long output as well."),
            ("log?", "boolean", "Keeps all of it in a file."),
            ("log_over?", "integer", "Output of up to so many bytes needs no file."),
            ("on_output?", "fun(text: string)", "Gets the newest part; must not wait."),
        ],
    ),
    class(
        "zi.SystemResult",
        "How a program ended.",
        &[
            ("status", "string", "`completed`, `timeout` or `error`."),
            ("code?", "integer", "Its exit code."),
            ("signal?", "integer", "The signal that ended it."),
            ("error?", "string", "Why it did not complete."),
            ("stdout", "string", "What it printed."),
            ("stderr", "string", "What it printed there."),
            ("stdout_head?", "string", "Its start, when text was left out."),
            ("stdout_tail?", "string", "Its end, when text was left out."),
            ("stderr_head?", "string", "Its start, when text was left out."),
            ("stderr_tail?", "string", "Its end, when text was left out."),
            ("stdout_bytes?", "integer", "How much it printed."),
            ("stdout_omitted?", "integer", "How much of it was left out."),
            ("stderr_bytes?", "integer", "How much it printed."),
            ("stderr_omitted?", "integer", "How much of it was left out."),
            ("log?", "string", "The file with all of it."),
            ("log_bytes?", "integer", "How long that is."),
            ("log_error?", "string", "Why there is none."),
        ],
    ),
    class(
        "zi.Task",
        "Something that runs beside.",
        &[
            ("join", "async fun(self: zi.Task): any", "Waits for it and answers what it returned."),
            ("cancel", "fun(self: zi.Task)", "Ends it."),
        ],
    ),
    class(
        "zi.ToolInfo",
        "A tool.",
        &[
            ("name", "string", "Its name."),
            ("label", "string", "What people see."),
            ("description", "string", "What the model is told."),
            ("kind", "string", "What it does to the world."),
            ("parameters", "table", "JSON schema of its arguments."),
            ("extension", "string", "Whose it is."),
            ("active", "boolean", "Whether the model may use it."),
        ],
    ),
    class(
        "zi.ToolResult",
        "What a tool answers.",
        &[
            ("content?", "string|table[]", "For the model: a text, or blocks."),
            ("details?", "any", "For extensions."),
            ("presentation?", "any", "For its renderer."),
            IS_ERROR,
            ("outcome?", "string", "How the call ended; of results that are read."),
            ("text?", "string", "All its text; in specs."),
        ],
    ),
    class(
        "zi.ToolSpec",
        "A tool that the model can call.",
        &[
            ("name", "string", "Letters, digits, `_` and `-`."),
            ("description", "string", "What the model is told."),
            ("parameters", "table", "JSON schema of an object."),
            (
                "execute",
                "async fun(params: table, ctx: zi.Ctx): (string|zi.ToolResult)?",
                "Does it; may wait.",
            ),
            ("label?", "string", "What people see."),
            ("kind?", "string", "`read`, `search`, `write`, `edit`, `shell`, `agent` or `other`."),
            ("parallel?", "boolean", "It may run beside its neighbours."),
            ("ends_turn?", "boolean", "The run ends after it."),
            TIMEOUT,
            ("prompt_snippet?", "string", "A line for the system prompt."),
            ("prompt_guidelines?", "string[]", "Rules for the system prompt."),
            ("prepare?", "fun(args: table): table?", "Mends arguments before they are checked."),
            ("render_call?", "fun(args: table, ctx: table): any", "Draws a call."),
            ("render_result?", "fun(result: table, ctx: table): any", "Draws a result."),
        ],
    ),
    class(
        "zi.Turn",
        "What the model answered.",
        &[
            ("message", "zi.Message", "The answer."),
            ("tool_calls", "table[]", "`{id, name, arguments}`."),
            ("stop_reason", "string", "Why it ended."),
            ("usage", "zi.Usage", "What it cost."),
            ("error?", "zi.Failure", "Why it is not whole."),
        ],
    ),
    class(
        "zi.Usage",
        "Tokens, and what they cost.",
        &[
            ("input", "integer", "Read anew."),
            ("output", "integer", "Written."),
            ("cache_read", "integer", "Read from the cache."),
            ("cache_write", "integer", "Written to the cache."),
            ("reasoning", "integer", "The part of `output` that was thinking."),
            ("total_tokens", "integer", "All together."),
            ("cost?", "number", "In US dollars, where the price is known."),
        ],
    ),
    class(
        "zi.WalkOptions",
        "Which files are listed.",
        &[
            ("cwd?", "string", "Of `glob`: the folder that the pattern starts in."),
            GLOB,
            ("type?", "string", "`file`, `dir` or `any`."),
            ("max_depth?", "integer", "How deep to look."),
            LIMIT,
            HIDDEN,
            NO_IGNORE,
        ],
    ),
    class(
        "zi.spec.Model",
        "A model that says what a spec has it say.",
        &[
            ("name", "string", "`provider/id`."),
            ("requests", "table[]", "What it was asked."),
            (
                "reply",
                "fun(self: zi.spec.Model, reply: string|table|fun(request: zi.Request): any): zi.spec.Model",
                "Adds an answer.",
            ),
        ],
    ),
    class(
        "zi.spec.Run",
        "A run of a spec.",
        &[
            ("status", "string", "`ok`, `error`, `aborted`, `limit` or `handled`."),
            ("text", "string", "The last answer."),
            ("stop_reason?", "string", "Why that ended."),
            ("turns", "integer", "How many requests."),
            USAGE,
            ("error?", "zi.Failure", "Why it failed."),
            ("messages", "zi.Message[]", "What was said."),
            ("tool_results", "zi.ToolResult[]", "The results of the calls."),
            ("events", "table[]", "What was fired."),
        ],
    ),
];
