-- The targets that were picked last, kept between runs of the editor.

local M = {}

local LIMIT = 8

---The folder is one: `stdpath` gives a list for others only.
local folder = vim.fn.stdpath('state') --[[@as string]]
local path = vim.fs.joinpath(folder, 'mirrord-recent.json')

---The last first. A file that cannot be read is as good as none: picking writes it anew.
---@return mirrord.Choice[]
function M.list()
  local file = io.open(path)
  if not file then
    return {}
  end
  local text = file:read('*a')
  file:close()
  local ok, list = pcall(vim.json.decode, text)
  if not ok or type(list) ~= 'table' or not vim.islist(list) then
    return {}
  end
  return vim.tbl_filter(function(choice)
    return type(choice) == 'table' and type(choice.path) == 'string'
  end, list)
end

---@param choice mirrord.Choice
---@return string? failure
function M.add(choice)
  local list = { choice }
  for _, old in ipairs(M.list()) do
    if #list < LIMIT and not vim.deep_equal(old, choice) then
      list[#list + 1] = old
    end
  end
  vim.fn.mkdir(folder, 'p')
  local file, failure = io.open(path, 'w')
  if not file then
    return ('the picked target is not remembered: %s'):format(failure)
  end
  file:write(vim.json.encode(list))
  file:close()
end

return M
