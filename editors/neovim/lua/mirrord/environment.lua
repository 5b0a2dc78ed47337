-- How variables of a session get into the environment of a program.

local M = {}

---The whole environment of a program in a session, as `jobstart` takes it with `clear_env`.
---@param base table<string, string>
---@param injection mirrord.Injection
---@return table<string, string>
function M.of_program(base, injection)
  local environment = vim.tbl_extend('force', base, injection.set)
  for _, name in ipairs(injection.unset) do
    environment[name] = nil
  end
  return environment
end

---@param env table<string, any>|string[]|nil what a launch configuration has
---@return table<string, any>
local function pairs_of(env)
  local variables = {}
  for key, value in pairs(env or {}) do
    if type(key) ~= 'number' then
      variables[key] = value
    elseif type(value) == 'string' then
      local name, text = value:match('^([^=]+)=(.*)$')
      if name then
        variables[name] = text
      end
    elseif type(value) == 'table' and value.name then
      variables[value.name] = value.value
    end
  end
  return variables
end

---What a launch configuration says of the environment, whatever its shape.
---@param config table
---@return table<string, string|vim.NIL>
function M.of_config(config)
  return vim.tbl_extend('force', pairs_of(config.environment), pairs_of(config.env))
end

---@param variables table<string, string>
---@param told fun(name: string, value: string): any
---@return any[]
local function sorted(variables, told)
  local names = vim.tbl_keys(variables)
  table.sort(names)
  return vim.tbl_map(function(name)
    return told(name, variables[name])
  end, names)
end

---Lays a session's variables over those of a launch configuration, in the shape that the adapter takes.
---@param config table changed
---@param injection mirrord.Injection
---@param shape mirrord.EnvShape
---@return string[] names of variables that this adapter cannot remove
function M.apply(config, injection, shape)
  local variables = vim.tbl_extend('force', M.of_config(config), injection.set)
  if shape == 'object' then
    for _, name in ipairs(injection.unset) do
      variables[name] = vim.NIL
    end
    config.env = variables
    return {}
  end
  for _, name in ipairs(injection.unset) do
    variables[name] = nil
  end
  for name, value in pairs(variables) do
    if value == vim.NIL then
      variables[name] = nil
    end
  end
  if shape == 'list' then
    config.env = sorted(variables, function(name, value)
      return name .. '=' .. value
    end)
  else
    config.env = nil
    config.environment = sorted(variables, function(name, value)
      return { name = name, value = value }
    end)
  end
  return vim.tbl_filter(function(name)
    return vim.env[name] ~= nil
  end, injection.unset)
end

return M
