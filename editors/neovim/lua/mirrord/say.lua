-- What the user is told.

local M = {}

---@param text string
---@param level integer
local function notify(text, level)
  vim.notify('mirrord: ' .. text, level, { title = 'mirrord' })
end

---@param text string
function M.error(text)
  notify(text, vim.log.levels.ERROR)
end

---@param text string
function M.warn(text)
  notify(text, vim.log.levels.WARN)
end

---@param text string
function M.info(text)
  notify(text, vim.log.levels.INFO)
end

---A line at the bottom that the next one overwrites: it interrupts nobody and stays in no history.
---@param text string empty clears it
function M.step(text)
  vim.api.nvim_echo({ { text == '' and '' or 'mirrord: ' .. text } }, false, {})
end

return M
