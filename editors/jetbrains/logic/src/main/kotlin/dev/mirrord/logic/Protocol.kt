/** The methods of `mirrord-ide-server` beside those of the language server protocol: `editors/PROTOCOL.md`. */
package dev.mirrord.logic

import java.util.concurrent.CompletableFuture
import org.eclipse.lsp4j.jsonrpc.services.JsonNotification
import org.eclipse.lsp4j.jsonrpc.services.JsonRequest
import org.eclipse.lsp4j.services.LanguageServer

/** Name of the language server in `plugin.xml`, and of its section in the settings. */
const val SERVER_ID: String = "mirrord"

/** What the editor asks. */
interface MirrordServer : LanguageServer {
    /** What could be stood in for. */
    @JsonRequest("mirrord/targets")
    fun targets(query: TargetQuery): CompletableFuture<TargetPage>

    /** A session for a launch that the editor makes. */
    @JsonRequest("mirrord/start")
    fun start(launch: Launch): CompletableFuture<Injection>

    /** Ends a session, or its start. */
    @JsonRequest("mirrord/stop")
    fun stop(session: SessionName): CompletableFuture<Any?>

    /** All sessions of this user on this machine. */
    @JsonRequest("mirrord/sessions")
    fun sessions(): CompletableFuture<SessionList>
}

/** What the server tells by itself. */
interface MirrordNotices {
    /** A state of a session, a step of its start, a warning, a remark, a port; or the cluster's state. */
    @JsonNotification("mirrord/event")
    fun event(event: Event)

    /** A question about targets would be answered otherwise now. */
    @JsonNotification("mirrord/targetsChanged")
    fun targetsChanged(place: Place)
}

// Gson fills these by name. Every value has a default, so that an answer of another version of the server is taken as far as it
// goes.

/** Where to look; what is `null` is taken from the kubeconfig. */
data class Place(val namespace: String? = null, val context: String? = null, val kubeconfig: String? = null)

/** `mirrord/targets`: which targets; a page holds at most [limit]. */
data class TargetQuery(
    val namespace: String? = null,
    val context: String? = null,
    val kubeconfig: String? = null,
    val types: List<String> = emptyList(),
    val filter: String? = null,
    val limit: Int? = null,
    val cursor: String? = null,
)

/** The targets of one namespace, best matches first. */
data class TargetPage(
    val targets: List<Target> = emptyList(),
    val total: Int = 0,
    val nextCursor: String? = null,
    val namespaces: List<String>? = null,
    val contexts: List<String>? = null,
    val currentNamespace: String? = null,
    val context: String? = null,
)

/** Whom a program can stand in for; [ready] and [desired] are pods. */
data class Target(
    val path: String = "",
    val namespace: String? = null,
    val kind: String = "",
    val available: Boolean = false,
    val ready: Int? = null,
    val desired: Int? = null,
    val containers: List<String> = emptyList(),
)

/**
 * `mirrord/start`: the parts of a launch that a session needs. [debugger] is the process whose debugger the program may have to find
 * on this machine: the IDE.
 */
data class Launch(
    val mirrord: Wish = Wish(),
    val cwd: String? = null,
    val env: Map<String, String> = emptyMap(),
    val debugger: Long? = null,
)

/** `"mirrord"` of a launch configuration: what beats the configuration file, and which file. */
data class Wish(
    val config: String? = null,
    val target: String? = null,
    val namespace: String? = null,
    val context: String? = null,
)

/** What to apply to a launch. */
data class Injection(
    val session: String = "",
    val target: String = "",
    val set: Map<String, String> = emptyMap(),
    val unset: List<String> = emptyList(),
    val launcher: List<String> = emptyList(),
)

/** `mirrord/stop`: which session. */
data class SessionName(val session: String = "")

/** `mirrord/sessions`: the oldest first. */
data class SessionList(val sessions: List<Session> = emptyList())

/** A session as others see it. */
data class Session(
    val session: String = "",
    val by: String? = null,
    val pid: Long? = null,
    val target: String = "",
    val state: String = "",
    val reason: String? = null,
    val standing: Boolean = false,
    val seconds: Long = 0,
    val programs: Int = 0,
    val roundTrips: Long = 0,
    val latency: Latency? = null,
    val ports: List<Port> = emptyList(),
    val requests: List<Request> = emptyList(),
)

/** Of the last minute's pings. */
data class Latency(val medianMicros: Long = 0, val p99Micros: Long = 0, val slowestMicros: Long = 0)

/** A port of the target that the program listens on; [mode] is `mirror` or `steal`. */
data class Port(val port: Int = 0, val local: String = "", val mode: String = "")

/** A connection that came to the target, and so to the program. */
data class Request(val port: Int = 0, val peer: String = "", val mode: String = "", val secondsAgo: Long = 0)

/** `mirrord/event`: something worth showing. */
data class Event(
    val session: String? = null,
    val kind: String = "",
    val state: String? = null,
    val text: String? = null,
    val context: String? = null,
    val port: Int? = null,
    val local: String? = null,
    val mode: String? = null,
)
