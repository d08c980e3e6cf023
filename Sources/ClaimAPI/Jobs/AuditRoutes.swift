import Audit
import DeadLetters
import Hummingbird

/// The routes for the audit of all rows and queues. The work is that of `claimctl audit`.
struct AuditRoutes: Sendable {
    let jobs: OperatorJobs

    var endpoints: [Endpoint] {
        [
            Endpoint("/audits", [.post: { _, context in try start(context) }]),
            Endpoint("/audits/{id}", [.get: { _, context in try await jobs.response(context) }]),
        ]
    }

    private func start(_ context: APIContext) throws -> Response {
        let job = try jobs.start("audit", on: "all rows and queues", by: context.caller.operatorName) { session in
            try await DeadLetterThread.value {
                let report = try AuditReport(session)
                report.store(session)
                return report
            }
        }
        return try .started(job, at: "/audits")
    }
}

extension OperatorJobs {
    /// Answers a request for the job that its path names.
    func response(_ context: APIContext) async throws -> Response {
        guard let json = try await document(context.pathParameter("id")) else { throw Problem.jobNotFound }
        return .json(encoded: json)
    }
}

extension Response {
    /// The answer to a request that has started a job.
    ///
    /// - Parameter path: the path of all jobs of this kind.
    static func started(_ job: OperatorJob, at path: String) throws -> Response {
        var response = try Response.json(job, status: .accepted)
        response.headers[.location] = "\(path)/\(job.id)"
        return response
    }
}
