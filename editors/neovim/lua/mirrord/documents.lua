-- Which files are documents of mirrord, and which folder they belong to.

local M = {}

local endings = { json = true, jsonc = true, yaml = true, yml = true, toml = true }

---Files that count where a launch names none, in the order in which the server looks for them.
local usual = { 'mirrord.json', 'mirrord.jsonc', 'mirrord.yaml', 'mirrord.yml', 'mirrord.toml' }

---@param path string
---@return boolean
function M.is_ours(path)
  local name = vim.fs.basename(path)
  local ending = name:match('%.(%w+)$')
  if not endings[ending] then
    return false
  end
  return vim.fs.basename(vim.fs.dirname(path)) == '.mirrord' or name:match('mirrord%.%w+$') ~= nil
end

---The folder that a buffer, or a path, belongs to.
---@param source? integer|string the current buffer if nothing is said
---@return string
function M.root(source)
  source = source or 0
  local path = type(source) == 'number' and vim.api.nvim_buf_get_name(source) or source --[[@as string]]
  -- Names of terminals and the like are no paths.
  if path == '' or path:match('^%a[%w+.-]*://') then
    path = vim.fs.joinpath(vim.fn.getcwd(), 'nothing')
  end
  return vim.fs.root(path, '.mirrord') or vim.fs.root(path, '.git') or vim.fs.dirname(path)
end

---The configuration that a launch in this folder uses, if there is one.
---@param root string
---@return string?
function M.usual(root)
  for _, name in ipairs(usual) do
    local path = vim.fs.joinpath(root, '.mirrord', name)
    if vim.uv.fs_stat(path) then
      return path
    end
  end
end

return M
