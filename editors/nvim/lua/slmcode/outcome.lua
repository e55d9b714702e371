--- What is said of an edit: verdict, contract, model, reason. Pure: no editor in here.

local M = {}

---@class slmcode.Outcome what the server says of an edit
---@field title string
---@field verdict string "exact", "verified", "not verified", "refused"; "" where it did not say
---@field reason string half a sentence
---@field contract? string
---@field model? string role or file of the model that wrote it
---@field confidence? number from 0 to 1

local UNSURE = 0.25 -- the server's own limit
local VERDICTS = { 'exact', 'verified', 'not verified', 'refused' }

---@param value any
---@return any value nil where JSON said null
local function present(value)
  if value == vim.NIL or value == '' then
    return nil
  end
  return value
end

---@param outcome slmcode.Outcome
---@return boolean
local function is_unsure(outcome)
  local confidence = present(outcome.confidence)
  return type(confidence) == 'number' and confidence < UNSURE
end

--- "verified, not sure".
---@param outcome slmcode.Outcome
---@return string
function M.judged(outcome)
  local words = { present(outcome.verdict) }
  if is_unsure(outcome) then
    words[#words + 1] = 'not sure'
  end
  return table.concat(words, ', ')
end

--- Everything that is known of an edit, in lines.
---@param outcome slmcode.Outcome
---@return string[]
function M.known(outcome)
  local lines = {}
  local verdict, reason = present(outcome.verdict), present(outcome.reason)
  if verdict and reason then
    lines[1] = verdict .. ': ' .. reason
  else
    lines[1] = verdict or reason
  end
  local made = {}
  if present(outcome.contract) then
    made[#made + 1] = 'contract: ' .. outcome.contract:gsub('_', ' ')
  end
  if present(outcome.model) then
    made[#made + 1] = 'model: ' .. outcome.model
  end
  if is_unsure(outcome) and not (reason or ''):find('not sure', 1, true) then
    made[#made + 1] = 'the model was not sure'
  end
  if #made > 0 then
    lines[#lines + 1] = table.concat(made, ' · ')
  end
  return lines
end

--- The outcome in a change annotation, where the server says no more: "verified: why".
---@param title string
---@param description? string
---@return slmcode.Outcome
function M.annotated(title, description)
  for _, verdict in ipairs(VERDICTS) do
    if description == verdict then
      return { title = title, verdict = verdict, reason = '' }
    elseif description and vim.startswith(description, verdict .. ': ') then
      return { title = title, verdict = verdict, reason = description:sub(#verdict + 3) }
    end
  end
  return { title = title, verdict = '', reason = description or '' }
end

--- How far a piece of work in units has come: "1 of 3: total verified".
---@param done {name: string, verdict: string}[]
---@param total integer
---@return string
function M.progress(done, total)
  local last = done[#done]
  return last and ('%d of %d: %s %s'):format(#done, total, last.name, last.verdict) or ''
end

return M
