import Claims
import DeadLetters

/// A change of the dead-letter queue that is carried out as a job. The work is that of `claimctl dlq`.
enum DeadLetterJob: Sendable {
    case replay(plan: String, Replayer.Options)
    case discard(plan: String, note: String?)
    case restore([String])
    case edit(id: String, body: [UInt8], wait: Duration)

    /// The action in one word.
    var action: String {
        switch self {
        case .replay: "replay"
        case .discard: "discard"
        case .restore: "restore"
        case .edit: "edit"
        }
    }

    /// What it is applied to, in one line.
    var subject: String {
        switch self {
        case .replay(let plan, _), .discard(let plan, _): DeadLetterSelection.plan(digest: plan).summary
        case .restore(let ids): DeadLetterSelection.ids(ids).summary
        case .edit(let id, _, _): id
        }
    }

    /// Carries out the change, records it in the audit trail, and returns its report. Blocks.
    func run(_ session: OperatorSession) throws -> any Encodable & Sendable {
        switch self {
        case .replay(let plan, let options): try replay(plan, options, session)
        case .discard(let plan, let note): try discard(plan, note, session)
        case .restore(let ids): try restore(ids, session)
        case .edit(let id, let body, let wait): try edit(id, body, wait, session)
        }
    }

    private func replay(
        _ plan: String, _ options: Replayer.Options, _ session: OperatorSession
    ) throws -> ReplayReport {
        try session.logged(
            .deadLetterReplay, on: subject,
            detail: { "\($0.replayed) replayed" + ($0.stopped.map { ", stopped: \($0)" } ?? "") },
            {
                let change = try DeadLetterChange(.replay, .plan(digest: plan), session)
                return try Replayer(session, options: options).run(change.plan.fingerprints)
            })
    }

    private func discard(_ plan: String, _ note: String?, _ session: OperatorSession) throws -> DiscardReport {
        try session.logged(
            .deadLetterDiscard, on: subject,
            detail: { "\($0.discarded) discarded" + (note.map { ": \($0)" } ?? "") },
            {
                let change = try DeadLetterChange(.discard, .plan(digest: plan), session)
                return try Archive(session).discard(change.plan.fingerprints, note: note)
            })
    }

    private func restore(_ ids: [String], _ session: OperatorSession) throws -> RestoreReport {
        let (report, _) = try session.logged(
            .deadLetterRestore, on: subject, detail: { "\($0.report.restored) restored" },
            { try Archive(session).restore(ids) })
        return report
    }

    private func edit(
        _ id: String, _ body: [UInt8], _ wait: Duration, _ session: OperatorSession
    ) throws -> MessageEditor.Report {
        let letter = try MessageEditor.letter(id: id, session)
        let editor = try MessageEditor(session)
        let sent = try session.logged(
            .deadLetterEdit, on: letter.id, detail: { "sent as \($0.id)" },
            { try editor.replaceBody(of: letter, with: body) })
        return editor.report(on: sent, atMost: wait)
    }
}
