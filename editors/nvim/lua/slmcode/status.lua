--- What the user can expect just now: the engine's state, and why nothing was shown last.

local notify = require('slmcode.notify')
local text = require('slmcode.text')

local M = {}

---@alias slmcode.State
---| 'stopped'
---| 'missing' the server's program
---| 'starting'
---| 'downloadNeeded'
---| 'loading'
---| 'ready'
---| 'degraded'

---@class slmcode.Status
---@field state slmcode.State
---@field message string what to do about it, or ""
---@field reason string why the newest request showed nothing, or ""
---@field model string
---@field download_bytes integer
local status = {
  state = 'stopped',
  message = '',
  reason = '',
  model = '',
  download_bytes = 0,
}

local busy = '' -- what is being waited for by command
local download = '' -- progress, while weights are fetched
local line ---@type string? made when it is asked for

--- Sentences of lastCompletion that are no news to somebody who types.
local QUIET = { superseded = true, cancelled = true, stale = true }

local WORDS = {
  stopped = 'not running',
  missing = 'not found',
  starting = 'starting',
  downloadNeeded = 'no model, :SlmcodeDownload',
  loading = 'loading',
  degraded = 'degraded',
}

--- A sentence without what stands in parentheses and behind a semicolon: a status line is short.
---@param sentence string
---@return string
local function short(sentence)
  return (sentence:gsub('%s*%(.*$', ''):gsub(';.*$', ''))
end

--- The text for a state line. Pure.
---@param now slmcode.Status
---@param switch string "" or why completions are off: "off", "snoozed 5 min"
---@param doing string what is being waited for, or ""
---@return string
function M.words(now, switch, doing)
  if doing ~= '' then
    return 'slmcode: ' .. doing
  elseif switch ~= '' then
    return 'slmcode: ' .. switch
  elseif now.state ~= 'ready' then
    return 'slmcode: ' .. (WORDS[now.state] or now.state)
  elseif now.reason ~= '' then
    return 'slmcode: ' .. short(now.reason)
  end
  return 'slmcode'
end

local function changed()
  line = nil
  if vim.in_fast_event() then
    return vim.schedule(changed)
  end
  vim.api.nvim_exec_autocmds('User', {
    pattern = 'SlmcodeStatus',
    modeline = false,
    data = M.get(),
  })
  vim.cmd.redrawstatus()
end

M.changed = changed

---@return slmcode.Status a copy
function M.get()
  return vim.deepcopy(status)
end

--- For a status line; cheap enough for every redraw.
---@return string
function M.statusline()
  local switches = require('slmcode.snooze')
  if line == nil or switches.varies() then
    local doing = download ~= '' and download or busy
    line = M.words(status, switches.words(vim.api.nvim_get_current_buf()), doing)
  end
  return line
end

--- The state alone, in words.
---@return string
function M.state_words()
  return WORDS[status.state] or status.state
end

---@param state string
---@param message? string
function M.set_state(state, message)
  if status.state ~= state or status.message ~= (message or '') then
    status.state, status.message, status.reason = state, message or '', ''
    changed()
  end
end

---@param reason string "" where something was shown
function M.set_reason(reason)
  if status.reason ~= reason then
    status.reason = reason
    changed()
  end
end

--- What is being waited for by command, "" for nothing.
---@param what string
function M.set_busy(what)
  if busy ~= what then
    busy = what
    changed()
  end
end

--- Progress of fetching weights, "" when it is over.
---@param progress string
function M.set_download(progress)
  if download ~= progress then
    download = progress
    changed()
  end
end

--- `slmcode/status` from the server.
---@param given {state: string, message: string, model?: string, downloadBytes?: integer}
function M.from_server(given)
  status.model = given.model or ''
  status.download_bytes = given.downloadBytes or 0
  M.set_state(given.state, given.message)
  if given.state == 'downloadNeeded' then
    local size = status.download_bytes > 0 and (' (%s)'):format(text.size(status.download_bytes))
      or ''
    notify.once('model', 'there is no model yet; :SlmcodeDownload gets it' .. size)
  elseif given.state == 'degraded' and given.message ~= '' then
    notify.once('degraded', given.message)
  elseif given.state == 'ready' then
    notify.forget('model')
    notify.forget('degraded')
  end
end

--- `slmcode/lastCompletion`'s answer.
---@param last {reason?: string, message?: string}?
function M.from_last_completion(last)
  if not last or QUIET[last.reason or ''] then
    return
  end
  local message = last.message or last.reason
  M.set_reason(type(message) == 'string' and message or '')
end

return M
