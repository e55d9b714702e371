--- An explanation of lines, as it comes, in a Markdown window.

local text_of = require('slmcode.text')
local view = require('slmcode.view')
local work = require('slmcode.work')

local M = {}

---@param buf integer
---@param first? integer from 1; nil: what is around the cursor
---@param last? integer
function M.run(buf, first, last)
  local client = work.client(buf, 'explain', 'explanations')
  if not client then
    return
  end
  local name = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buf), ':t')
  local lines = first and ('%d-%d'):format(first, last) or tostring(vim.fn.line('.'))
  local title = (' %s:%s '):format(name, lines)
  local range = work.range(buf, first, last, client.offset_encoding)
  local window = view.open('explanation', {
    filetype = 'markdown',
    height = 12,
    title = title .. '· explaining …',
  })
  local so_far = ''
  local function show(text)
    view.set_lines(window.buf, text_of.lines(text))
    if view.is_open(window) and vim.api.nvim_get_current_win() ~= window.win then
      vim.api.nvim_win_set_cursor(window.win, { vim.api.nvim_buf_line_count(window.buf), 0 })
    end
  end
  vim.cmd.wincmd('p')
  local ours = 'explaining'
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = window.buf,
    callback = function()
      if work.is_running(ours) then
        work.cancel()
      end
    end,
  })
  work.start(client, 'slmcode/explain', {
    textDocument = vim.lsp.util.make_text_document_params(buf),
    range = range,
  }, {
    buf = buf,
    what = ours,
    on_part = function(value)
      so_far = so_far .. (value.text or '')
      show(so_far)
    end,
    on_done = function(result)
      show(result and result.text or so_far)
      view.set_title(window, title)
    end,
    on_stop = function()
      view.set_title(window, title .. '· cancelled')
    end,
    on_error = function(message)
      view.set_title(window, title .. '· ' .. message)
    end,
  })
end

return M
