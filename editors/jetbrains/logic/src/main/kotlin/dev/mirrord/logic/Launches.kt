/** The sessions of launches that this IDE makes: none outlives its process, whatever becomes of the launch. */
package dev.mirrord.logic

import java.util.concurrent.CancellationException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import org.eclipse.lsp4j.jsonrpc.ResponseErrorException

/** How long a start may take: the server has limits of its own, which are shorter and say more. */
private const val START_SECONDS = 180L

/** A session that could not be started; the message is for the user. */
class StartFailed(message: String, cause: Throwable? = null) : Exception(message, cause)

/**
 * Sessions by the launch that they belong to: a launch is named by its run configuration. [server] gives the server, started if
 * need be; [report] is told what went wrong where nobody waits for an answer.
 */
class Launches(private val server: () -> CompletableFuture<MirrordServer>, private val report: (String) -> Unit) {
    private val waiting = HashMap<String, String>()

    /**
     * Starts a session for the launch [name] and waits for it. [cancelled] is asked often; a cancelled start is ended.
     *
     * Fails with [StartFailed], or with [CancellationException] when cancelled.
     */
    fun begin(name: String, launch: Launch, cancelled: () -> Boolean): Injection {
        // The process of the last launch never came, else it would have been taken.
        take(name)?.let(::stop)
        val answer = server().thenCompose { it.start(launch) }
        val injection = try {
            await(answer, cancelled)
        } catch (failure: CancellationException) {
            answer.cancel(true)
            // What the server had started already when it heard of it.
            answer.thenAccept { stop(it.session) }
            throw failure
        }
        synchronized(waiting) { waiting[name] = injection.session }
        return injection
    }

    /** The process of a launch runs: its session, which ends with it. `null` if the launch has none. */
    fun take(name: String): String? = synchronized(waiting) { waiting.remove(name) }

    /** Ends a session, and does not wait for it. */
    fun stop(session: String) {
        server().thenCompose { it.stop(SessionName(session)) }.whenComplete { _, failure ->
            // A session that has ended by itself, for instance since its pod has gone, is as well.
            if (failure != null && !isGone(failure)) report("Session $session may go on: ${sentence(failure)}")
        }
    }

    private fun isGone(failure: Throwable) = sentence(failure).contains("no session")

    private fun await(answer: CompletableFuture<Injection>, cancelled: () -> Boolean): Injection {
        val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS)
        while (true) {
            if (cancelled()) throw CancellationException()
            try {
                return answer.get(50, TimeUnit.MILLISECONDS)
            } catch (_: TimeoutException) {
                if (System.nanoTime() > end) {
                    answer.cancel(true)
                    throw StartFailed("The session has not started within $START_SECONDS s. The log of mirrord is in Language Servers.")
                }
            } catch (failure: CancellationException) {
                throw failure
            } catch (failure: Exception) {
                throw StartFailed(sentence(failure), failure)
            }
        }
    }
}

/** What went wrong, for the user: the server's own sentence if it has one. */
fun sentence(failure: Throwable): String {
    var inner = failure
    while (inner is CompletionException || inner is java.util.concurrent.ExecutionException) inner = inner.cause ?: break
    if (inner is ResponseErrorException) return inner.responseError.message
    return inner.message ?: inner.toString()
}
