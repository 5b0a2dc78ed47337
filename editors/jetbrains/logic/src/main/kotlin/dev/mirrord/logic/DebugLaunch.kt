/** Launch configurations of the debug adapter. */
package dev.mirrord.logic

/** The debug adapters that a launch can name. */
val ADAPTERS: List<String> = listOf("debugpy", "dlv", "lldb-dap", "codelldb", "js-debug", "java-debug")

/** The arguments that the command takes before a launch is known. */
val DEBUG_COMMAND: List<String> = listOf("dap")

/**
 * [arguments] of a launch with what the user has chosen in the IDE. What stands in the launch itself beats it; a launch that says
 * `"mirrord": false`, or a switch that is off, stays without a session.
 */
fun withChoice(arguments: Map<String, Any?>, choice: Choice): Map<String, Any?> {
    val written = arguments["mirrord"]
    if (written == false) return arguments
    if (written == null && !choice.enabled) return arguments + ("mirrord" to false)
    val wish = choice.wish()
    val chosen = mapOf("config" to wish?.config, "target" to wish?.target, "namespace" to wish?.namespace, "context" to wish?.context)
    val own = (written as? Map<*, *>).orEmpty().mapKeys { it.key.toString() }
    // A target that was written has its own place, and so has a session that is joined.
    val beneath = if (own.keys.any { it in setOf("target", "config", "session", "child") }) emptyMap() else chosen.filterValues { it != null }
    return arguments + ("mirrord" to beneath + own)
}

/** A launch to begin with, as JSON; the words in `${}` are LSP4IJ's. */
fun launchTemplate(adapter: String): String = """
    {
      "type": "mirrord",
      "name": "Run with mirrord",
      "request": "launch",
      "adapter": "$adapter",
      "program": "${'$'}{file}",
      "cwd": "${'$'}{workspaceFolder}"
    }
""".trimIndent()
