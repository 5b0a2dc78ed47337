-- The command :Mirrord, and what code lenses do.

local async = require('mirrord.async')
local documents = require('mirrord.documents')
local picker = require('mirrord.picker')
local say = require('mirrord.say')
local server = require('mirrord.server')
local sessions = require('mirrord.sessions')
local status = require('mirrord.status')

local M = {}

---What was run last, offered again.
local last_line = ''

---`%` is the current file, as in `:!`, also with modifiers (`%:p`). Variables are left to the shell: those of the pod
---are not known here.
---@param line string
---@return string
local function with_file_names(line)
  return (
    line:gsub('(\\?)%%([:%w]*)', function(escape, modifiers)
      if escape ~= '' then
        return '%' .. modifiers
      elseif modifiers == '' or vim.startswith(modifiers, ':') then
        return vim.fn.expand('%' .. modifiers)
      end
    end)
  )
end

---@param root string
---@param line string
---@param wish? mirrord.Wish
local function run(root, line, wish)
  async.run(function()
    if line == '' then
      line = async.input({ prompt = 'Run with mirrord: ', default = last_line, completion = 'shellcmd' }) or ''
    end
    if line ~= '' then
      last_line = line
      require('mirrord.run').run(root, line, wish)
    end
  end)
end

---@param wish? mirrord.Wish
local function debug_with(wish)
  local failure = require('mirrord.dap').debug(wish)
  if failure then
    say.error(failure)
  end
end

---@param root string
---@param is_on boolean
local function switch(root, is_on)
  if is_on and not require('mirrord.dap').setup() then
    say.warn('nvim-dap is not installed: debug sessions are not there to get a session; `:Mirrord run` works without it')
  end
  status.switch(root, is_on)
end

---@param words string[]
---@param lead string
---@return string[]
local function starting_with(words, lead)
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, words)
end

---@class mirrord.Subcommand
---@field run fun(root: string, rest: string)
---@field complete? fun(root: string, lead: string, rest: string): string[]

---@type table<string, mirrord.Subcommand>
local subcommands = {
  run = {
    run = function(root, rest)
      run(root, with_file_names(rest))
    end,
    complete = function(_, lead, rest)
      -- The program first, then files.
      return vim.fn.getcompletion(lead, rest:find('%s') and 'file' or 'shellcmd')
    end,
  },
  debug = {
    run = function()
      debug_with()
    end,
  },
  pick = {
    run = function(root, rest)
      if rest ~= '' then
        local before = status.target(root) or {}
        picker.take(root, { path = rest, namespace = before.namespace, context = before.context })
        return
      end
      async.run(function()
        picker.pick(root)
      end)
    end,
    complete = function(root, lead)
      local before = status.target(root) or {}
      local query = { namespace = before.namespace, context = before.context, filter = lead, limit = 100 }
      local found = server.request_now(root, 'mirrord/targets', query)
      return vim.tbl_map(function(target)
        return target.path
      end, found and found.targets or {})
    end,
  },
  stop = {
    run = function(root, rest)
      if rest ~= '' then
        sessions.stop(root, rest)
        return
      end
      async.run(function()
        sessions.stop_one(root)
      end)
    end,
    complete = function(root, lead)
      local found = server.request_now(root, 'mirrord/sessions')
      local names = vim.tbl_map(function(session)
        return session.session
      end, found and found.sessions or {})
      return starting_with(names, lead)
    end,
  },
  sessions = {
    run = function(root)
      sessions.show(root)
    end,
  },
  on = {
    run = function(root)
      switch(root, true)
    end,
  },
  off = {
    run = function(root)
      switch(root, false)
    end,
  },
}

---@return string[]
local function names()
  local all = vim.tbl_keys(subcommands)
  table.sort(all)
  return all
end

---@param call { args: string }
function M.execute(call)
  local name, rest = call.args:match('^(%S+)%s*(.-)%s*$')
  local subcommand = subcommands[name]
  if not subcommand then
    say.error(('there is no `:Mirrord %s` (there are: %s)'):format(name, table.concat(names(), ', ')))
    return
  end
  subcommand.run(documents.root(), rest)
end

---@param lead string
---@param line string
---@param position integer
---@return string[]
function M.complete(lead, line, position)
  local name, rest = line:sub(1, position):match('%S*Mirrord!?%s+(%S+)%s+(.*)$')
  if not name or not rest then
    return starting_with(names(), lead)
  end
  local subcommand = subcommands[name]
  return subcommand and subcommand.complete and subcommand.complete(documents.root(), lead, rest) or {}
end

---A code lens of a document was chosen.
---@param kind 'run'|'debug'|'pick'
---@param argument { uri?: string, target?: string }
function M.lens(kind, argument)
  local path = argument.uri and vim.uri_to_fname(argument.uri) or vim.api.nvim_buf_get_name(0)
  local root = documents.root(path)
  if kind == 'pick' then
    subcommands.pick.run(root, '')
    return
  end
  local buffer = vim.fn.bufnr(path)
  if buffer ~= -1 and vim.bo[buffer].modified then
    say.warn(('%s has changes that are not written: they do not count'):format(vim.fs.basename(path)))
  end
  ---@type mirrord.Wish
  local wish = { config = path, target = argument.target ~= vim.NIL and argument.target or nil }
  if kind == 'run' then
    run(root, '', wish)
  else
    debug_with(wish)
  end
end

return M
