package import Claims
internal import Postgres

extension OperatorSession {
    /// Carries out a change and records it in the audit trail, also if it fails.
    ///
    /// - Parameters:
    ///   - subject: what is changed, in one line.
    ///   - detail: describes the result in one line.
    package func logged<Result>(
        _ action: OperatorAction.Kind, on subject: String, detail: (Result) -> String, _ change: () throws -> Result
    ) throws -> Result {
        do {
            let result = try change()
            record(action, on: subject, outcome: OperatorAction.done, detail: detail(result))
            return result
        } catch {
            record(action, on: subject, outcome: "failed: \(error)", detail: nil)
            throw error
        }
    }

    private func record(_ action: OperatorAction.Kind, on subject: String, outcome: String, detail: String?) {
        do throws(PostgresError) {
            try OperatorLog(try postgres()).record(
                action, on: subject, by: operatorName, outcome: outcome, detail: detail)
        } catch {
            notice("the audit trail could not be written: \(error)")
        }
    }
}
