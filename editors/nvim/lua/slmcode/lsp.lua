--- What differs between Neovim 0.10, 0.11 and 0.12 when talking to a server.

local M = {}

M.NAME = 'slmcode'

local has_methods = vim.fn.has('nvim-0.11') == 1

--- The running client of a buffer, or any one (buf nil).
---@param buf? integer
---@return vim.lsp.Client?
function M.client(buf)
  for _, client in ipairs(vim.lsp.get_clients({ name = M.NAME, bufnr = buf })) do
    if not client:is_stopped() then
      return client
    end
  end
end

if not has_methods then
  function M.client(buf)
    for _, client in ipairs(vim.lsp.get_clients({ name = M.NAME, bufnr = buf })) do
      if not client.is_stopped() then
        return client
      end
    end
  end
end

--- Every client of ours, those that have not answered yet among them.
---@return vim.lsp.Client[]
function M.all_clients()
  return vim.lsp.get_clients({ name = M.NAME, _uninitialized = true })
end

--- Whether a server is there that has not answered yet.
---@return boolean
function M.is_starting()
  for _, client in ipairs(M.all_clients()) do
    if not client.initialized then
      return true
    end
  end
  return false
end

--- A request is being sent by this plugin, not by Neovim.
M.is_ours = false

--- Send a request; changes of the buffer go out before it.
---@param client vim.lsp.Client
---@param method string
---@param params table
---@param handler fun(err: lsp.ResponseError?, result: any)
---@param buf integer not 0: with 0 Neovim 0.11 sends the changes too late
---@return integer? id nil where the server is gone
function M.request(client, method, params, handler, buf)
  local ok, id
  M.is_ours = true
  if has_methods then
    ok, id = client:request(method, params, handler, buf)
  else
    ok, id = client.request(method, params, handler, buf)
  end
  M.is_ours = false
  return ok and id or nil
end

--- Look at the requests that Neovim itself sends through a client.
---@param client vim.lsp.Client
---@param method string
---@param around fun(params: table, handler: lsp.Handler, send: fun(handler: lsp.Handler): integer?)
function M.intercept(client, method, around)
  local request = client.request
  local at = has_methods and 2 or 1 -- the client itself comes first
  ---@diagnostic disable-next-line: duplicate-set-field
  client.request = function(...)
    local arguments, n = { ... }, select('#', ...)
    local handler = arguments[at + 2]
    if M.is_ours or arguments[at] ~= method or not handler then
      return request(...)
    end
    local ok, id
    around(arguments[at + 1], handler, function(wrapped)
      arguments[at + 2] = wrapped
      ok, id = request(unpack(arguments, 1, math.max(n, at + 2)))
      return ok and id or nil
    end)
    return ok, id
  end
end

---@param client vim.lsp.Client
---@param method string
---@param params table
function M.notify(client, method, params)
  if has_methods then
    client:notify(method, params)
  else
    client.notify(method, params)
  end
end

---@param client vim.lsp.Client
---@param id integer
function M.cancel(client, id)
  if has_methods then
    client:cancel_request(id)
  else
    client.cancel_request(id)
  end
end

---@param client vim.lsp.Client
function M.stop(client)
  if has_methods then
    client:stop()
  else
    client.stop()
  end
end

--- A server's own abilities: `{edit, explain, translate}`.
---@param client vim.lsp.Client
---@return table
function M.abilities(client)
  local experimental = (client.server_capabilities or {}).experimental
  local own = type(experimental) == 'table' and experimental.slmcode
  return type(own) == 'table' and own or {}
end

---@return string
function M.log_path()
  return vim.lsp.log and vim.lsp.log.get_filename and vim.lsp.log.get_filename()
    or vim.lsp.get_log_path()
end

--- Unified diff of two texts.
---@param before string
---@param after string
---@return string
function M.diff(before, after)
  local diff = vim.text and vim.text.diff or vim.diff
  return diff(before, after, { ctxlen = 3 }) --[[@as string]]
end

return M
