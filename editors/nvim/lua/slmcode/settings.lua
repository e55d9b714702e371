-- Made by editors/generate.py from slmcode/config.py: change it there.
-- luacheck: no max line length

---@class slmcode.Settings what the server can be told
---@field enabled? boolean Offer completions at all.
---@field disabled_languages? string[] LSP language identifiers without completions, such as "markdown".
---@field model? string "fast", "quality", or the path of any GGUF file with FIM tokens.
---@field edit_model? string The model for edits, explanations and tests: "quality", "fast", or the path of a GGUF file with chat tokens. Where it is not there, `model` is used.
---@field edit_tokens? integer Prompt and answer of an edit together, in tokens.
---@field edit_limit_s? integer An edit is given up after this time, in s.
---@field test_command? string The command that runs the project's tests, such as "pytest -q". It runs in a sandbox, to check edits; empty: edits are not checked by tests.
---@field test_limit_s? integer A run of the tests is ended after this time, in s.
---@field deadline_ms? integer Answer while typing within this time, in ms from the request's arrival.
---@field invoked_deadline_ms? integer Answer within this time, in ms, where a command asked for a completion.
---@field max_lines? integer Longest multi-line suggestion, in lines.
---@field max_tokens? integer Longest suggestion, in tokens.
---@field prefix_tokens? integer Text before the cursor given to the model, in tokens.
---@field suffix_tokens? integer Text after the cursor given to the model, in tokens.
---@field context_tokens? integer Text of other files and notebook cells given to the model, in tokens.
---@field index? boolean Index the workspace folders: what other files define goes into prompts.
---@field index_file_kb? integer Larger files are not indexed, in kB.
---@field threads? integer Threads of the engine; 0: one per physical core.
---@field memory_mb? integer Memory for warm documents (the KV cache), in MB.
---@field engine_idle_s? integer The engine leaves after this time without a server, in s.
---@field idle_ms? integer A pause of this length, in ms, makes the server work ahead.
---@field work_ahead? 'auto'|'always'|'never' Evaluate prompts before they are asked for: "auto" (not on battery and not while other programs keep the processor busy), "always" or "never".
---@field show_probability? number The share of what is shown while typing that should be right; 0 shows everything.
---@field tuned? boolean Use the weights that `slmcode models tune` made, where there are some.
---@field max_file_kb? integer Larger documents get no completions, in kB.
---@field models_folder? string Where weights are kept; empty: the user's cache folder.
---@field offline? boolean Refuse what would use the network: downloads of weights, and clusters.
---@field audit_log? boolean Keep a local log of what the model is given for which file, and of what is accepted; `slmcode audit` shows and erases it.
---@field audit_mb? integer The audit log keeps its newest entries, this many MB at most.
---@field log_level? 'error'|'warning'|'info'|'debug' "error", "warning", "info" or "debug"; logs never hold source text.

---@type table<string, slmcode.Setting>
return {
  enabled = {
    type = 'boolean',
    default = true,
    description = 'Offer completions at all.',
  },
  disabled_languages = {
    type = 'string[]',
    default = {},
    description = 'LSP language identifiers without completions, such as "markdown".',
  },
  model = {
    type = 'string',
    default = 'fast',
    description = '"fast", "quality", or the path of any GGUF file with FIM tokens.',
  },
  edit_model = {
    type = 'string',
    default = 'quality',
    description = 'The model for edits, explanations and tests: "quality", "fast", or the path of a GGUF file with chat tokens. Where it is not there, `model` is used.',
  },
  edit_tokens = {
    type = 'integer',
    default = 6144,
    description = 'Prompt and answer of an edit together, in tokens.',
    unit = 'tokens',
    minimum = 1024,
    maximum = 32768,
  },
  edit_limit_s = {
    type = 'integer',
    default = 300,
    description = 'An edit is given up after this time, in s.',
    unit = 's',
    minimum = 5,
    maximum = 86400,
  },
  test_command = {
    type = 'string',
    default = '',
    description = 'The command that runs the project\'s tests, such as "pytest -q". It runs in a sandbox, to check edits; empty: edits are not checked by tests.',
  },
  test_limit_s = {
    type = 'integer',
    default = 60,
    description = 'A run of the tests is ended after this time, in s.',
    unit = 's',
    minimum = 1,
    maximum = 3600,
  },
  deadline_ms = {
    type = 'integer',
    default = 100,
    description = "Answer while typing within this time, in ms from the request's arrival.",
    unit = 'ms',
    minimum = 10,
    maximum = 60000,
  },
  invoked_deadline_ms = {
    type = 'integer',
    default = 2000,
    description = 'Answer within this time, in ms, where a command asked for a completion.',
    unit = 'ms',
    minimum = 10,
    maximum = 60000,
  },
  max_lines = {
    type = 'integer',
    default = 12,
    description = 'Longest multi-line suggestion, in lines.',
    unit = 'lines',
    minimum = 1,
    maximum = 100,
  },
  max_tokens = {
    type = 'integer',
    default = 128,
    description = 'Longest suggestion, in tokens.',
    unit = 'tokens',
    minimum = 1,
    maximum = 1024,
  },
  prefix_tokens = {
    type = 'integer',
    default = 320,
    description = 'Text before the cursor given to the model, in tokens.',
    unit = 'tokens',
    minimum = 32,
    maximum = 8192,
  },
  suffix_tokens = {
    type = 'integer',
    default = 64,
    description = 'Text after the cursor given to the model, in tokens.',
    unit = 'tokens',
    minimum = 0,
    maximum = 2048,
  },
  context_tokens = {
    type = 'integer',
    default = 256,
    description = 'Text of other files and notebook cells given to the model, in tokens.',
    unit = 'tokens',
    minimum = 0,
    maximum = 4096,
  },
  index = {
    type = 'boolean',
    default = true,
    description = 'Index the workspace folders: what other files define goes into prompts.',
  },
  index_file_kb = {
    type = 'integer',
    default = 1024,
    description = 'Larger files are not indexed, in kB.',
    unit = 'kB',
    minimum = 1,
    maximum = 65536,
  },
  threads = {
    type = 'integer',
    default = 0,
    description = 'Threads of the engine; 0: one per physical core.',
    minimum = 0,
    maximum = 256,
  },
  memory_mb = {
    type = 'integer',
    default = 200,
    description = 'Memory for warm documents (the KV cache), in MB.',
    unit = 'MB',
    minimum = 16,
    maximum = 65536,
  },
  engine_idle_s = {
    type = 'integer',
    default = 300,
    description = 'The engine leaves after this time without a server, in s.',
    unit = 's',
    minimum = 1,
    maximum = 604800,
  },
  idle_ms = {
    type = 'integer',
    default = 700,
    description = 'A pause of this length, in ms, makes the server work ahead.',
    unit = 'ms',
    minimum = 50,
    maximum = 60000,
  },
  work_ahead = {
    type = 'string',
    default = 'auto',
    description = 'Evaluate prompts before they are asked for: "auto" (not on battery and not while other programs keep the processor busy), "always" or "never".',
    enum = { 'auto', 'always', 'never' },
  },
  show_probability = {
    type = 'number',
    default = 0.5,
    description = 'The share of what is shown while typing that should be right; 0 shows everything.',
    minimum = 0,
    maximum = 1,
  },
  tuned = {
    type = 'boolean',
    default = true,
    description = 'Use the weights that `slmcode models tune` made, where there are some.',
  },
  max_file_kb = {
    type = 'integer',
    default = 4096,
    description = 'Larger documents get no completions, in kB.',
    unit = 'kB',
    minimum = 1,
    maximum = 1048576,
  },
  models_folder = {
    type = 'string',
    default = '',
    description = "Where weights are kept; empty: the user's cache folder.",
  },
  offline = {
    type = 'boolean',
    default = false,
    description = 'Refuse what would use the network: downloads of weights, and clusters.',
  },
  audit_log = {
    type = 'boolean',
    default = false,
    description = 'Keep a local log of what the model is given for which file, and of what is accepted; `slmcode audit` shows and erases it.',
  },
  audit_mb = {
    type = 'integer',
    default = 16,
    description = 'The audit log keeps its newest entries, this many MB at most.',
    unit = 'MB',
    minimum = 1,
    maximum = 1024,
  },
  log_level = {
    type = 'string',
    default = 'warning',
    description = '"error", "warning", "info" or "debug"; logs never hold source text.',
    enum = { 'error', 'warning', 'info', 'debug' },
  },
}
