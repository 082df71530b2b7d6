-- name: provider-openai
-- description: OpenAI, and the many servers that speak its Chat Completions.
-- api: 1

local answer = require("zi.chat_answer")
local chat = require("zi.chat_request")
local wire = require("zi.wire")

local API = "openai-chat"

---@async
local function stream(request, emit)
  local reader = answer.new(emit)
  local is_done = wire.read({
    url = request.provider.base_url .. "/chat/completions",
    headers = wire.headers(request),
    body = chat.body(request, API),
    provider = request.provider.name,
  }, function(event) reader:take(event) end)
  reader:finish(is_done)
end

zi.api(API, { stream = stream })

-- Where they are, and what they want otherwise; `zi.ChatCompat` says what the switches do.
local SERVERS = {
  {
    name = "openai",
    base_url = "https://api.openai.com/v1",
    api_key = "$OPENAI_API_KEY",
    default_model = "gpt-5.6-terra",
    compat = { session_field = "prompt_cache_key" },
  },
  {
    name = "openrouter",
    base_url = "https://openrouter.ai/api/v1",
    api_key = "$OPENROUTER_API_KEY",
    default_model = "anthropic/claude-sonnet-5.5",
    compat = {
      max_tokens_field = "max_tokens",
      session_field = "session_id",
      usage_option = false,
      effort = "object",
      replay = "reasoning_details",
      cache_control_for = "^anthropic/",
    },
  },
  {
    name = "groq",
    base_url = "https://api.groq.com/openai/v1",
    api_key = "$GROQ_API_KEY",
    default_model = "openai/gpt-oss-120b",
    compat = { replay = "reasoning", with_reasoning = { reasoning_format = "parsed" } },
  },
  {
    name = "cerebras",
    base_url = "https://api.cerebras.ai/v1",
    api_key = "$CEREBRAS_API_KEY",
    default_model = "gpt-oss-120b",
    compat = { replay = "reasoning" },
  },
  {
    name = "mistral",
    base_url = "https://api.mistral.ai/v1",
    api_key = "$MISTRAL_API_KEY",
    default_model = "mistral-medium-latest",
    compat = {
      max_tokens_field = "max_tokens",
      usage_option = false,
      replay = "content.thinking",
      short_ids = true,
      named_results = true,
      answer_after_results = true,
    },
  },
  {
    name = "deepseek",
    base_url = "https://api.deepseek.com",
    api_key = "$DEEPSEEK_API_KEY",
    default_model = "deepseek-v4-pro",
    compat = {
      max_tokens_field = "max_tokens",
      replay = "reasoning_content",
      with_reasoning = { thinking = { type = "enabled" } },
    },
  },
  {
    name = "moonshotai",
    base_url = "https://api.moonshot.ai/v1",
    api_key = "$MOONSHOT_API_KEY",
    default_model = "kimi-k3",
    compat = { max_tokens_field = "max_tokens", replay = "reasoning_content" },
  },
  {
    name = "zai",
    base_url = "https://api.z.ai/api/coding/paas/v4",
    api_key = "$ZAI_API_KEY",
    default_model = "glm-5.3",
    compat = {
      max_tokens_field = "max_tokens",
      replay = "reasoning_content",
      extra = { tool_stream = true },
      with_reasoning = { thinking = { type = "enabled", clear_thinking = false } },
    },
  },
  {
    name = "ollama",
    base_url = "http://localhost:11434/v1",
    compat = { max_tokens_field = "max_tokens", replay = "reasoning" },
  },
  {
    name = "lmstudio",
    base_url = "http://localhost:1234/v1",
    compat = { max_tokens_field = "max_tokens" },
  },
}

for _, server in ipairs(SERVERS) do
  zi.provider(server.name, {
    api = API,
    base_url = server.base_url,
    api_key = server.api_key,
    default_model = server.default_model,
    compat = server.compat,
  })
end
