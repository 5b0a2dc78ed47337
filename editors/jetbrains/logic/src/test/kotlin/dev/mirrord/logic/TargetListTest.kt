package dev.mirrord.logic

import java.util.concurrent.CompletableFuture
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What a real server does not do when it is told: answer late, in pages, for a target of several containers. */
class TargetListTest {
    private val asked = ArrayList<Pair<TargetQuery, CompletableFuture<TargetPage>>>()
    private val shown = ArrayList<Shown>()

    private fun list(choice: Choice = Choice()) =
        TargetList({ query -> CompletableFuture<TargetPage>().also { asked += query to it } }, choice, show = shown::add)

    private fun page(vararg paths: String, next: String? = null, containers: List<String> = emptyList()) =
        TargetPage(paths.map { Target(it, "ns", "pod", true, 1, 2, containers) }, paths.size, next, listOf("ns"), listOf("c"), "ns", "c")

    @Test
    fun `a late answer to an earlier question is not shown`() {
        val list = list()
        list.filter("a")
        list.filter("ab")
        asked[1].second.complete(page("pod/ab"))
        assertTrue(asked[0].second.isCancelled)
        asked[0].second.obtrudeValue(page("pod/a"))
        assertEquals(listOf(listOf("pod/ab")), shown.map { page -> page.rows.map { it.text } })
        list.filter("abc")
        list.close()
        assertTrue(asked[2].second.isCancelled)
        assertEquals(1, shown.size)
    }

    @Test
    fun `pages follow one another`() {
        val list = list()
        list.filter("p")
        asked[0].second.complete(page("pod/a", next = "1"))
        assertTrue(shown.last().more)
        list.more()
        assertEquals("1", asked[1].first.cursor)
        asked[1].second.complete(page("pod/b"))
        assertEquals(listOf("pod/a", "pod/b") to false, shown.last().rows.map { it.text } to shown.last().more)
        list.more()
        assertEquals(2, asked.size)
    }

    @Test
    fun `each of several containers can be chosen`() {
        list().filter("a")
        asked[0].second.complete(page("pod/a", containers = listOf("web", "cache")))
        assertEquals(listOf("pod/a", "pod/a/container/web", "pod/a/container/cache"), shown.last().rows.map { it.chosen.path })
        assertEquals(setOf("ns"), shown.last().rows.map { it.chosen.namespace }.toSet())
    }

    @Test
    fun `a new context starts in its own namespace, and nothing that matches is said`() {
        val list = list(Choice().choose(Chosen("pod/old", "ns", "c")))
        list.filter("zz")
        asked[0].second.complete(page())
        assertEquals("No target in namespace ns matches.", shown.last().message)
        list.namespace("ns")
        list.context("c")
        assertEquals(1, asked.size)
        list.context("other")
        assertEquals(TargetQuery(null, "other", filter = "zz", limit = 100), asked[1].first)
    }
}
