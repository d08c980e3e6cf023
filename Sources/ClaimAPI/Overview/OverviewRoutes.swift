import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// The routes of the overview: once, and as a stream of one event per second.
struct OverviewRoutes: Sendable {
    let feed: OverviewFeed

    var endpoints: [Endpoint] {
        [
            Endpoint("/overview", [.get: { _, _ in try .json(await feed.overview()) }]),
            Endpoint("/overview/events", [.get: { request, context in try follow(request, context) }]),
        ]
    }

    private func follow(_ request: Request, _ context: APIContext) throws -> Response {
        guard ClaimEvents.areAccepted(by: request.headers[.accept]) else { throw Problem.notAcceptable }
        guard feed.hasRoom else { throw Problem.overloaded }
        let channel = context.channel
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no"],
            body: ResponseBody { writer in
                // A HEAD request has no body and must not count as a watcher.
                if let watch = await feed.watch() {
                    try await channel.withDisconnectHandler(watch.close) {
                        try await withGracefulShutdownHandler {
                            try await stream(watch, &writer)
                        } onGracefulShutdown: {
                            watch.close()
                        }
                    }
                }
                try await writer.finish(nil)
            })
    }

    private func stream(_ watch: OverviewFeed.Watch, _ writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(watch.first)
        for await event in watch.rest { try await writer.write(event) }
    }
}
