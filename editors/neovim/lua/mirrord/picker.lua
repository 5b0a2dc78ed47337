-- Lets the user choose a target from what the cluster has.

local async = require('mirrord.async')
local recent = require('mirrord.recent')
local say = require('mirrord.say')
local server = require('mirrord.server')
local status = require('mirrord.status')

local M = {}

---@class mirrord.Place where targets are listed
---@field namespace? string
---@field context? string
---@field types? string[]
---@field filter? string

---One line of the list: a target, or a way to see others.
---@class mirrord.Entry
---@field text string
---@field choice? mirrord.Choice
---@field containers? string[]
---@field forgets? boolean
---@field act? async fun(): mirrord.Place? another place, or nothing

local kinds = { 'deployment', 'statefulset', 'rollout', 'job', 'cronjob', 'pod', 'service', 'replicaset' }

---@param target mirrord.Available
---@return string
local function told(target)
  local parts = { target.path }
  if target.ready and target.desired then
    parts[#parts + 1] = ('%d/%d ready'):format(target.ready, target.desired)
  elseif target.ready then
    parts[#parts + 1] = ('%d ready'):format(target.ready)
  end
  if not target.available then
    parts[#parts + 1] = '(nothing runs)'
  end
  return table.concat(parts, '  ')
end

---@async
---@param prompt string
---@param items? string[]
---@return string?
local function one_of(prompt, items)
  if not items or #items == 0 then
    -- Listing them may be forbidden, and naming one is not.
    local typed = async.input({ prompt = prompt .. ': ' })
    return typed ~= '' and typed or nil
  end
  return async.select(items, { prompt = prompt })
end

---@param place mirrord.Place
---@param found mirrord.Targets
---@return mirrord.Entry[]
local function ways(place, found)
  local entries = {}
  ---@param text string
  ---@param act async fun(): mirrord.Place?
  local function way(text, act)
    entries[#entries + 1] = { text = text, act = act }
  end
  if found.nextCursor or place.filter then
    way(('filter… (%d of %d shown)'):format(#found.targets, found.total), function()
      local filter = async.input({ prompt = 'Letters of the target: ', default = place.filter or '' })
      return filter and vim.tbl_extend('force', place, { filter = filter })
    end)
  end
  way('kind… (' .. (place.types and place.types[1] or 'all') .. ')', function()
    local all = 'all'
    local kind = async.select({ all, unpack(kinds) }, { prompt = 'Kind of target' })
    if kind then
      local changed = vim.tbl_extend('force', place, { types = { kind } })
      changed.types = kind ~= all and changed.types or nil
      return changed
    end
  end)
  way('namespace… (' .. (found.currentNamespace or 'default') .. ')', function()
    local namespace = one_of('Namespace', found.namespaces)
    return namespace and vim.tbl_extend('force', place, { namespace = namespace })
  end)
  way('context… (' .. (found.context or 'the current one') .. ')', function()
    local context = one_of('Context', found.contexts)
    -- The namespaces of another cluster are others.
    return context and { context = context, types = place.types }
  end)
  return entries
end

---@param root string
---@param place mirrord.Place
---@param found mirrord.Targets
---@return mirrord.Entry[]
local function entries(root, place, found)
  local list = {}
  local current = status.target(root)
  if current then
    list[1] = { text = ('no longer %s: as the configuration says'):format(current.path), forgets = true }
  end
  for _, choice in ipairs(recent.list()) do
    local where = choice.namespace and ('  in ' .. choice.namespace) or ''
    local context = choice.context and (' of ' .. choice.context) or ''
    list[#list + 1] = { text = choice.path .. where .. context .. '  (recent)', choice = choice }
  end
  for _, target in ipairs(found.targets) do
    local choice = { path = target.path, namespace = found.currentNamespace, context = found.context }
    list[#list + 1] = { text = told(target), choice = choice, containers = target.containers }
  end
  return vim.list_extend(list, ways(place, found))
end

---@async
---@param choice mirrord.Choice
---@param containers? string[]
---@return mirrord.Choice?
local function with_container(choice, containers)
  if not containers or #containers < 2 then
    return choice
  end
  local container = async.select(containers, { prompt = 'Container of ' .. choice.path })
  if container then
    return { path = choice.path .. '/container/' .. container, namespace = choice.namespace, context = choice.context }
  end
end

---@async
---@param root string
---@param place mirrord.Place
---@return mirrord.Choice? nothing when the user has cancelled, or there is no list, which was told
local function ask(root, place)
  while true do
    local found, failure = server.request(root, 'mirrord/targets', place)
    if not found then
      say.error('the targets cannot be listed: ' .. failure)
      return nil
    end
    ---@type mirrord.Entry?
    local entry = async.select(entries(root, place, found), {
      prompt = 'Target in ' .. (found.currentNamespace or 'the default namespace'),
      kind = 'mirrord.target',
      format_item = function(item)
        return item.text
      end,
    })
    if not entry then
      return nil
    end
    if entry.forgets then
      status.choose(root, nil)
      return nil
    end
    if entry.choice then
      return with_container(entry.choice, entry.containers)
    end
    -- Who cancels a way out is back at the list.
    place = assert(entry.act)() or place
  end
end

---Lets the user choose the target of a folder.
---@async
---@param root string
---@return mirrord.Choice? nothing when the user has cancelled
function M.pick(root)
  local before = status.target(root) or {}
  local choice = ask(root, { namespace = before.namespace, context = before.context })
  if choice then
    M.take(root, choice)
  end
  return choice
end

---Makes this the target of a folder.
---@param root string
---@param choice mirrord.Choice
function M.take(root, choice)
  status.choose(root, choice)
  local failure = recent.add(choice)
  if failure then
    say.warn(failure)
  end
end

return M
