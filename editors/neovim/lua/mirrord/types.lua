---@meta

-- What the server and this plugin say to each other, as far as the plugin uses it: editors/PROTOCOL.md.

---`mirrord` in a launch configuration and in `mirrord/start`.
---@class mirrord.Wish
---@field enabled? boolean
---@field config? string|table path of a configuration file, or the configuration itself
---@field target? string `deployment/shop`, `/container/NAME` may follow
---@field namespace? string
---@field context? string
---@field key? string
---@field session? string joins a running session

---What a launch applies.
---@class mirrord.Injection
---@field session string
---@field target string in words
---@field set table<string, string>
---@field unset string[]
---@field launcher string[] words before the program's command line

---@class mirrord.Available
---@field path string
---@field namespace? string
---@field kind string
---@field available boolean
---@field ready? integer
---@field desired? integer
---@field containers string[]

---@class mirrord.Targets
---@field targets mirrord.Available[]
---@field total integer
---@field nextCursor? string
---@field namespaces? string[]
---@field contexts? string[]
---@field currentNamespace? string
---@field context? string

---@alias mirrord.State 'starting'|'connected'|'degraded'|'lost'|'stopped'

---@class mirrord.Port
---@field port integer
---@field mode 'mirror'|'steal'
---@field local string address that the program listens on

---One session of `mirrord/sessions`.
---@class mirrord.Session
---@field session string
---@field target string
---@field state mirrord.State
---@field by? 'editor'|'debug'|'terminal'
---@field pid? integer
---@field reason? string
---@field standing? boolean
---@field seconds? integer
---@field programs? integer
---@field sentBytes? integer
---@field receivedBytes? integer
---@field roundTrips? integer
---@field latency? { medianMicros: integer, p99Micros: integer, slowestMicros: integer }
---@field ports? mirrord.Port[]
---@field requests? { port: integer, peer: string, mode: string, secondsAgo: integer, open: boolean }[]
---@field connections? { remote: string, seconds: integer }[]
---@field moreConnections? integer
---@field files? { path: string, writes: boolean, secondsAgo: integer, times: integer }[]

---The notification `mirrord/event`.
---@class mirrord.Event
---@field session? string
---@field kind 'state'|'step'|'warning'|'info'|'port'|'cluster'
---@field state? mirrord.State|'loading'|'ready'|'failed'
---@field text? string
---@field context? string

---@alias mirrord.EnvShape 'object'|'list'|'named'
