--- Long requests by command: one at a time, with progress, and taken back by :SlmcodeCancel.

local client_of = require('slmcode.client')
local lsp = require('slmcode.lsp')
local notify = require('slmcode.notify')
local status = require('slmcode.status')

local M = {}

local CANCELLED = -32800

---@class slmcode.Work
---@field what string
---@field stop fun()

---@class slmcode.WorkOptions
---@field buf integer
---@field what string for the status line
---@field on_done fun(result: any)
---@field on_part? fun(value: any) a partial result
---@field on_error? fun(message: string)
---@field on_stop? fun() it was taken back
---@field progress? boolean false: the parameters have no place for a token
---@field keeps? boolean who stops it is answered with what is done by then

local running ---@type slmcode.Work?

--- A client for the buffer that has an ability, or a message that says what is missing.
---@param buf integer
---@param ability? string "edit"
---@param what? string "edits"
---@return vim.lsp.Client?
function M.client(buf, ability, what)
  local client = lsp.client(buf)
  if not client then
    notify.warn(client_of.missing())
    return nil
  end
  if ability and not lsp.abilities(client)[ability] then
    notify.warn(
      ('this server (%s) cannot do that: it has no %s'):format(
        client_of.server_version or '?',
        what or ability
      )
    )
    return nil
  end
  return client
end

--- Send a long request. Progress stands in the status line; partial results go to `on_part`.
---@param client vim.lsp.Client
---@param method string
---@param params table
---@param how slmcode.WorkOptions
function M.start(client, method, params, how)
  M.cancel()
  local work_token = client_of.listen(function(value)
    if type(value) == 'table' and value.message then
      status.set_busy(how.what .. ' ' .. value.message)
    end
  end)
  if how.progress ~= false then
    params.workDoneToken = work_token
  end
  local part_token
  if how.on_part then
    part_token = client_of.listen(how.on_part)
    params.partialResultToken = part_token
  end
  local this = { what = how.what } ---@type slmcode.Work
  local id ---@type integer?
  local function over()
    client_of.unlisten(work_token)
    if part_token then
      client_of.unlisten(part_token)
    end
    if running == this then
      running = nil
      status.set_busy('')
    end
  end
  local is_stopped = false
  function this.stop()
    is_stopped = true
    over()
    if id then
      lsp.cancel(client, id)
    end
    if how.on_stop then
      how.on_stop()
    end
  end
  running = this
  status.set_busy(how.what)
  id = lsp.request(client, method, params, function(err, result)
    if running ~= this and not (is_stopped and how.keeps) then
      return
    end
    over()
    if err then
      if err.code ~= CANCELLED then
        local report = how.on_error or notify.warn
        report(err.message)
      end
      return
    end
    how.on_done(result)
  end, how.buf)
end

--- Something else that takes long and can be stopped.
---@param work slmcode.Work
function M.set(work)
  running = work
end

---@param work slmcode.Work
function M.over(work)
  if running == work then
    running = nil
  end
end

--- Stop what runs by command.
---@return string? what was stopped
function M.cancel()
  local work = running
  running = nil
  if work then
    work.stop()
    return work.what
  end
end

--- Whether nothing else runs by command.
---@param what string
---@return boolean
function M.is_running(what)
  return running ~= nil and running.what == what
end

--- A range of whole lines as LSP has it.
---@param buf integer
---@param first integer from 1
---@param last integer from 1
---@param encoding string
---@return lsp.Range
function M.line_range(buf, first, last, encoding)
  local line = vim.api.nvim_buf_get_lines(buf, last - 1, last, false)[1] or ''
  return {
    start = { line = first - 1, character = 0 },
    ['end'] = {
      line = last - 1,
      character = require('slmcode.text').character(line, #line, encoding),
    },
  }
end

--- The same, or the empty range at the cursor where no lines are given: what is around it is meant.
---@param buf integer the current buffer
---@param first? integer
---@param last? integer
---@param encoding string
---@return lsp.Range
function M.range(buf, first, last, encoding)
  if first and last then
    return M.line_range(buf, first, last, encoding)
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  local here = {
    line = row - 1,
    character = require('slmcode.text').character(line, column, encoding),
  }
  return { start = here, ['end'] = here }
end

return M
