-- What a plugin for Neovim 0.11 has to do by hand: say that it can, ask, cancel, apply.
local M = { states = {}, messages = {} }

local METHOD = 'textDocument/inlineCompletion'

-- Start the server for the current buffer.
function M.start(command)
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  M.id = vim.lsp.start({
    name = 'slmcode',
    cmd = command,
    root_dir = vim.fn.getcwd(),
    capabilities = capabilities,
    handlers = {
      ['slmcode/status'] = function(_, status)
        table.insert(M.states, status.state)
      end,
      ['window/showMessage'] = function(_, shown)
        table.insert(M.messages, shown.message)
      end,
    },
  })
end

function M.client()
  return vim.lsp.get_client_by_id(M.id)
end

-- Ask at the cursor; the request before is taken back if it is still on its way.
function M.ask()
  local client = M.client()
  if M.request then
    client:cancel_request(M.request)
  end
  M.item = nil
  M.tick = vim.b.changedtick
  local buffer = vim.api.nvim_get_current_buf() -- with 0 instead, 0.11 sends the changes too late
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = 1 } -- invoked: the deadline is a long one
  local _, request
  _, request = client:request(METHOD, params, function(err, result)
    if request == M.request then
      M.request = nil
      M.error = err
      M.item = result and result.items[1]
    end
  end, buffer)
  M.request = request
end

-- Tell where the cursor rests: the server works ahead.
function M.cursor_moved()
  local client = M.client()
  client:notify('slmcode/cursorMoved', vim.lsp.util.make_position_params(0, client.offset_encoding))
end

-- The pieces of other files in the prompt, once there are some.
function M.why()
  local buffer = vim.api.nvim_get_current_buf()
  local params = { textDocument = vim.lsp.util.make_text_document_params(buffer) }
  local answer = M.client():request_sync('slmcode/why', params, 5000, buffer)
  return answer and answer.result and answer.result.chunks or {}
end

-- Whether the request for the text as it is now has its answer.
function M.answered()
  return M.request == nil and M.tick == vim.b.changedtick
end

-- From now on ask at every key.
function M.ask_while_typing()
  vim.api.nvim_create_autocmd('TextChangedI', { buffer = 0, callback = M.ask })
end

-- Put the item into the buffer, tell the server, put the cursor behind it.
function M.accept()
  local client, item, buffer = M.client(), M.item, vim.api.nvim_get_current_buf()
  local edit = { range = item.range, newText = item.insertText }
  vim.lsp.util.apply_text_edits({ edit }, buffer, client.offset_encoding)
  client:exec_cmd(item.command, { bufnr = buffer })
  local lines = vim.split(item.insertText, '\n')
  -- The encoding is utf-8, so LSP's columns are Neovim's.
  local row = item.range.start.line + #lines
  local column = (#lines == 1 and item.range.start.character or 0) + #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row, column })
  M.item = nil
end

return M
