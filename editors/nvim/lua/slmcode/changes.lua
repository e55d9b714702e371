--- The server's edits of several files and parts, taken apart so that parts can be left out.

local M = {}

--- Neovim's lines end by themselves: a text that ends a new file's last line begins no other one.
---@param file slmcode.FileChange
local function without_last_end(file)
  local last = file.is_new and file.edits[#file.edits]
  if last then
    file.edits[#file.edits] = vim.tbl_extend('force', last, {
      newText = (last.newText:gsub('\n$', '')),
    })
  end
end

---@class slmcode.Part of an edit, which the user takes or leaves
---@field id string
---@field label string
---@field description string

---@class slmcode.FileChange
---@field uri string what it is called now
---@field is_new boolean
---@field moved_to? string
---@field version? integer of the document that the edits are for
---@field edits lsp.AnnotatedTextEdit[]

---@param edit lsp.WorkspaceEdit
---@return slmcode.FileChange[]
function M.files(edit)
  local files, by_uri = {}, {}
  local function file(uri)
    if not by_uri[uri] then
      by_uri[uri] = { uri = uri, is_new = false, edits = {} }
      files[#files + 1] = by_uri[uri]
    end
    return by_uri[uri]
  end
  for uri, edits in vim.spairs(edit.changes or {}) do
    vim.list_extend(file(uri).edits, edits)
  end
  for _, change in ipairs(edit.documentChanges or {}) do
    if change.kind == 'create' then
      file(change.uri).is_new = true
    elseif change.kind == 'rename' then
      local moved = file(change.oldUri)
      moved.moved_to = change.newUri
      by_uri[change.newUri] = moved -- edits that follow name it so
    elseif change.textDocument then
      local found = file(change.textDocument.uri)
      if type(change.textDocument.version) == 'number' then
        found.version = change.textDocument.version
      end
      vim.list_extend(found.edits, change.edits)
    end
  end
  for _, each in ipairs(files) do
    without_last_end(each)
  end
  return files
end

--- The parts of an edit, in the order in which they stand in it.
---@param edit lsp.WorkspaceEdit
---@return slmcode.Part[]
function M.parts(edit)
  local parts, seen = {}, {}
  for _, file in ipairs(M.files(edit)) do
    for _, piece in ipairs(file.edits) do
      local id = piece.annotationId
      local annotation = id and (edit.changeAnnotations or {})[id]
      if annotation and not seen[id] then
        seen[id] = true
        parts[#parts + 1] = {
          id = id,
          label = annotation.label,
          description = annotation.description or '',
        }
      end
    end
  end
  return parts
end

--- Whether the user is to see it before it is made.
---@param edit lsp.WorkspaceEdit
---@return boolean
function M.needs_confirmation(edit)
  for _, annotation in pairs(edit.changeAnnotations or {}) do
    if annotation.needsConfirmation then
      return true
    end
  end
  return false
end

--- The text edits that are not left out, without annotations: what is asked about them is asked by
--- us.
---@param edits lsp.AnnotatedTextEdit[]
---@param left_out table<string, true> ids of parts
---@return lsp.TextEdit[]
function M.wanted(edits, left_out)
  local wanted = {}
  for _, edit in ipairs(edits) do
    if not left_out[edit.annotationId or ''] then
      wanted[#wanted + 1] = { range = edit.range, newText = edit.newText }
    end
  end
  return wanted
end

--- The edit without what is left out, as Neovim makes it without a question.
---@param files slmcode.FileChange[]
---@param left_out table<string, true>
---@return lsp.WorkspaceEdit
function M.plain(files, left_out)
  local changes = {}
  for _, file in ipairs(files) do
    local edits = M.wanted(file.edits, left_out)
    if file.is_new and #edits > 0 then
      changes[#changes + 1] = { kind = 'create', uri = file.uri }
    end
    if #edits > 0 then
      -- 0: any version; it was looked at before.
      changes[#changes + 1] = { textDocument = { uri = file.uri, version = 0 }, edits = edits }
    end
    if file.moved_to then
      changes[#changes + 1] = { kind = 'rename', oldUri = file.uri, newUri = file.moved_to }
    end
  end
  return { documentChanges = changes }
end

--- The edit without annotations: Neovim 0.12 lists annotated changes on the screen and waits for a
--- key, also where nobody has to confirm them.
---@param edit lsp.WorkspaceEdit
---@return lsp.WorkspaceEdit
function M.bare(edit)
  local bare = vim.deepcopy(edit)
  bare.changeAnnotations = nil
  for _, change in ipairs(bare.documentChanges or {}) do
    change.annotationId = nil
    for _, piece in ipairs(change.edits or {}) do
      piece.annotationId = nil
    end
  end
  return bare
end

return M
