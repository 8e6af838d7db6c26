"""``/v1/batches``: many texts in one request; read, wait, stream the results, cancel."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from contract import jobs
from contract.jobs import Lane
from gateway import listing, preferences
from gateway.access import Caller, Scope, caller, needs
from gateway.admission import Idempotency
from gateway.batches import results as batch_results
from gateway.batches.receiving import Plan, Receiver, give_up, parts_of
from gateway.batches.rendering import batch_json, has_ended
from gateway.batches.store import Earlier, NewBatch
from gateway.batches.uploads import Upload, reader
from gateway.errors import BadHeader, CreateInFlight, IdempotencyMismatch, InvalidRequest, Overloaded
from gateway.idempotency import idempotency
from gateway.identifiers import new_id
from gateway.predictions import CancelAfter, Id, IdempotencyKey, Prefer
from gateway.problems import documented
from gateway.quota import rate_limit
from gateway.schemas import BatchList, BatchObject, BatchOptions, BatchRow
from gateway.services import Services, base_url_of, services
from gateway.webhooks import guard

router = APIRouter(prefix="/v1/batches", tags=["batches"])

_ROW: dict[str, Any] = {"anyOf": [{"type": "string"}, BatchRow.model_json_schema()]}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The rows: a JSON array of texts or objects, one of them a line as in "
        '`{"text": "fine", "id": 1}`, or CSV whose first line names a column `text` and perhaps `id`',
        "content": {
            "application/json": {"schema": {"type": "array", "minItems": 1, "items": _ROW}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "",
    status_code=201,
    response_model=BatchObject,
    response_description="Ended in time",
    dependencies=[Depends(needs(Scope.PREDICT))],
    responses={
        202: {"model": BatchObject, "description": "Accepted; read it at Location"},
        **documented(400, 401, 403, 408, 409, 413, 422, 429, 503),
    },
    openapi_extra=_BODY,
)
async def create(
    request: Request,
    options: Annotated[BatchOptions, Query()],
    prefer: Prefer = None,
    cancel_after: CancelAfter = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask what many texts say, all or nothing: an upload that breaks off leaves no row that runs.

    A row that is wrong by itself (empty, NUL, too long) fails as a row, and its result says why.
    `Cancel-After` holds for each row. The body is read as fast as the queue takes it.
    """
    app, asking = services(request), caller(request)
    upload = _reader(request, app.settings.text_limit)
    plan = _plan(app, asking, options, cancel_after)
    patience = preferences.wait(prefer)
    asked = {**options.model_dump(), "form": type(upload).__name__, "cancel_after": cancel_after}
    same = idempotency(idempotency_key, asking.owner, "batches", asked)
    return await _created(request, app, plan, upload, same, patience)


def _reader(request: Request, text_limit: int) -> Upload:
    upload = reader(request.headers.get("content-type", ""), text_limit)
    if upload is None:
        raise BadHeader("Content-Type must be application/json, application/x-ndjson or text/csv.")
    return upload


def _plan(app: Services, asking: Caller, options: BatchOptions, cancel_after: str | None) -> Plan:
    """Check what holds for all rows.

    Raises:
        GatewayError: this request can never succeed.
    """
    model = app.settings.served_model(options.model)
    if options.webhook is not None:
        guard.check_url(options.webhook, http=app.settings.webhook_http)
    lane = Lane.EXPLAIN if options.explain else Lane(options.priority)
    chosen = options.model_dump(include={"explain", "top_k", "truncate"}, exclude_defaults=True)
    batch = NewBatch(
        id=new_id(),
        owner=asking.owner,
        model=model,
        queue=jobs.queue_name(model, lane),
        webhook=options.webhook or "",
        metadata=options.metadata or "",
    )
    return Plan(
        batch=batch,
        lane=lane,
        options=json.dumps(chosen)[1:-1],
        cancel_after=preferences.cancel_after(cancel_after),
        quota=asking.quota,
        most=app.settings.batch_rows,
        patience_s=app.settings.batch_patience.total_seconds(),
    )


async def _created(
    request: Request,
    app: Services,
    plan: Plan,
    upload: Upload,
    same: Idempotency | None,
    patience: timedelta | None,
) -> Response:
    # The options are part of what was asked, so their fingerprint comes before the bytes.
    digest = hashlib.sha256(same.fingerprint.encode() if same else b"")
    silence_s = app.settings.body_patience.total_seconds()
    parts = parts_of(request, digest, app.settings.batch_size, silence_s)
    async with _room(app, plan.patience_s):
        earlier = await app.batches.begin(plan.batch, same.key if same else "")
        if earlier:
            return await _repeated(request, earlier, parts, digest, patience)
        receiver = Receiver(app.batches, app.admissions[plan.batch.model], plan)
        is_sealed = False
        try:
            allowance = await receiver.receive(upload, parts)
            if not receiver.rows:
                problem = "A batch needs at least one row"
                raise InvalidRequest(problem, [{"detail": problem, "pointer": "#"}])
            await app.batches.seal(
                plan.batch.id, same.key if same else "", digest.hexdigest() if same else ""
            )
            is_sealed = True
        finally:
            if not is_sealed:
                await give_up(app.batches, plan.batch.id)
    app.metrics.accepted.inc(receiver.admitted)
    answer = await _waited(request, plan.batch.id, patience, is_created=True)
    if allowance:
        answer.headers.update(rate_limit(allowance, plan.quota))
    return answer


@contextlib.asynccontextmanager
async def _room(app: Services, patience_s: float) -> AsyncIterator[None]:
    """Let a few uploads be read at the same time, so that their chunks together take bounded memory."""
    try:
        async with asyncio.timeout(patience_s):
            await app.batches.uploads.acquire()
    except TimeoutError:
        raise Overloaded("As many batches are being read as may be at once. Try again shortly.") from None
    try:
        yield
    finally:
        app.batches.uploads.release()


async def _repeated(
    request: Request,
    earlier: Earlier,
    parts: AsyncIterator[bytes],
    digest: "hashlib._Hash",
    patience: timedelta | None,
) -> Response:
    """Answer a create that was made before: with the same batch, as it is now."""
    if not earlier.fingerprint:
        raise CreateInFlight("A batch with this Idempotency-Key is being received.")
    async for _ in parts:
        pass
    if digest.hexdigest() != earlier.fingerprint:
        raise IdempotencyMismatch("This Idempotency-Key was used for another batch.")
    answer = await _waited(request, earlier.id, patience, is_created=True)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


@router.get(
    "",
    response_model=BatchList,
    dependencies=[Depends(needs(Scope.READ))],
    responses=documented(401, 403, 422, 503),
)
async def created(
    request: Request,
    cursor: listing.PageCursor = None,
    limit: listing.PageLimit = 100,
) -> Response:
    """List your batches, newest first."""
    app, base_url = services(request), base_url_of(request)
    found = await app.batches.created(caller(request).owner, listing.cursor(cursor), limit)
    render = partial(batch_json, base_url=base_url)
    body = listing.page(f"{base_url}/v1/batches", found, render, {"limit": str(limit)})
    return Response(body, media_type="application/json")


@router.get(
    "/{id}",
    response_model=BatchObject,
    dependencies=[Depends(needs(Scope.READ))],
    responses=documented(400, 401, 403, 404, 422, 503),
)
async def read(request: Request, id: Id, prefer: Prefer = None) -> Response:
    """Read a batch, with `Prefer: wait` when all its rows have ended."""
    return await _waited(request, id, preferences.wait(prefer))


@router.get(
    "/{id}/results",
    response_class=Response,
    dependencies=[Depends(needs(Scope.READ))],
    responses={
        200: {
            "description": "One JSON object a line: row, id, client_id?, status, version, output, error, "
            "error_code, metadata?",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
        **documented(401, 403, 404, 422, 503),
    },
)
async def results(
    request: Request,
    id: Id,
    begin: Annotated[int, Query(alias="from", ge=0, le=10**6, description="The first row, from 0")] = 0,
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Stream the rows in order, as they are now: those still open say so. `from` resumes."""
    app = services(request)
    fields = await app.batches.read(id, caller(request).owner)
    rows = range(begin, int(fields["total"]))
    parts = batch_results.lines(app.batches, id, rows, has_ended=has_ended(fields))
    headers = {"Vary": "Accept-Encoding"}
    if batch_results.accepts_gzip(accept_encoding):
        parts, headers["Content-Encoding"] = batch_results.compressed(parts), "gzip"
    return StreamingResponse(parts, media_type="application/x-ndjson", headers=headers)


@router.post(
    "/{id}/cancel",
    response_model=BatchObject,
    dependencies=[Depends(needs(Scope.PREDICT))],
    responses=documented(401, 403, 404, 422, 503),
)
async def cancel(request: Request, id: Id) -> Response:
    """Cancel all rows that have not ended; answers the batch's state either way."""
    app = services(request)
    await app.batches.read(id, caller(request).owner)
    await app.batches.cancel(id)
    # Every gateway sweeps; this one need not wait for its turn.
    while await app.batches.sweep():
        pass
    return await _waited(request, id, None)


async def _waited(
    request: Request, id: str, patience: timedelta | None, *, is_created: bool = False
) -> Response:
    """Answer a batch, when it has ended or the client's patience has."""
    app, owner, base_url = services(request), caller(request).owner, base_url_of(request)
    with app.waiters.waiting(id) as ended:
        fields = await app.batches.read(id, owner)
        if patience is not None and not has_ended(fields):
            await app.waiters.end(ended, patience)
            fields = await app.batches.read(id, owner)
    headers = {"Location": f"{base_url}/v1/batches/{id}"} if is_created else {}
    if patience is not None:
        headers["Preference-Applied"] = f"wait={int(patience.total_seconds())}"
    status = (201 if has_ended(fields) else 202) if is_created else 200
    return Response(batch_json(fields, base_url), status, headers, "application/json")
