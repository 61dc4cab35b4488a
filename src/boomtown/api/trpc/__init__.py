"""tRPC v11 for Python: typed async functions behind the wire protocol that the official `@trpc/client` speaks.

    router: Router[Caller] = Router("shop")

    class GetItem(Input):
        item_id: str

    @router.query
    async def get_item(caller: Caller, q: GetItem) -> Item:
        "An item, by its id."
        return await caller.shop.item(q.item_id)

    app = Endpoint(router, context=caller_of)  # an ASGI application, to be mounted at /trpc

`get_item` is then the procedure `shop.getItem` with the input `{"itemId": …}`. Functions take the context, and an input
model if they have inputs; they return JSON-ready data. A subscription is an async generator; `tracked(id, value)` gives
an event the id from which a client resumes: it comes back as the input's `lastEventId`.

What goes over the wire (observed at `@trpc/server` 11.25):

* `GET /trpc/a.b?input=JSON` for queries, `POST /trpc/a.b` with a JSON body for mutations. Answer: `{"result": {"data":
  …}}` or `{"error": {"message", "code", "data": {"code", "httpStatus", "path", …}}}` with that status.
* A batch joins paths with commas, has `batch=1`, inputs `{"0": …, "1": …}` and a list as its answer; statuses that
  differ make it 207. With `trpc-accept: application/jsonl` each answer is streamed as soon as it is there.
* A subscription is `GET` answered by server-sent events: `connected` (client options), `ping`, plain messages, `return`
  at a clean end, `serialized-error`. A stream that is cut without `return` is taken up again by the client.

This package knows nothing of Boomtown: routing and wire here, what things mean in `Endpoint`'s two hooks.
"""

from boomtown.api.trpc.endpoint import Endpoint, Options
from boomtown.api.trpc.errors import TrpcError
from boomtown.api.trpc.router import Burst, Input, Procedure, Router, Tracked, tracked

__all__ = ["Burst", "Endpoint", "Input", "Options", "Procedure", "Router", "Tracked", "TrpcError", "tracked"]
