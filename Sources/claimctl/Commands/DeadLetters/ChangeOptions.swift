import ArgumentParser
import Claims
import DeadLetters
import Foundation
import Postgres
import RuntimeSupport

/// Which dead letters a change is about, and whether it is meant.
struct ChangeOptions: ParsableArguments {
    @Argument(help: "Claim ids, message ids or fingerprints.")
    var ids: [String] = []

    @OptionGroup(title: "Filters") var filters: FilterOptions

    @Flag(name: .long, help: "Everything that lies there. Asks first on a terminal; needs --yes without one.")
    var all = false

    @Option(name: .long, help: "Exactly what a --dry-run showed under this digest, whatever has arrived since.")
    var plan: String?

    @Flag(name: .long, help: "Change nothing; show what would go, and its digest.")
    var dryRun = false

    @Flag(name: .long, help: "Don't ask.")
    var yes = false

    /// What was chosen, and lies in the queue.
    struct Choice {
        let letters: [DeadLetter]
        let plan: DeadLetterPlan
        /// Names that nothing is called by.
        let missing: [String]
    }

    /// Finds what is meant.
    ///
    /// - Throws: ``Failure``: wrong usage, nothing matched, or the operator said no.
    func choose(_ action: DeadLetterPlan.Action, _ stores: StoreSettings) throws -> Choice {
        let filter = try filters.filter()
        let ways = [!ids.isEmpty, !filter.isEmpty, all, plan != nil]
        guard ways.count(where: \.self) == 1 else {
            throw Failure.usage(
                "say what to \(action.rawValue): either IDs, or filters, or --all, or --plan; see --help")
        }
        if plan != nil, dryRun { throw Failure.usage("--plan is carried out, not tried; leave --dry-run out") }
        if all, !yes, !dryRun, !Terminal.isInteractive {
            throw Failure.usage("--all needs --yes where nobody can be asked; nothing was changed")
        }
        let now = Timestamp.now()
        let letters: [DeadLetter]
        var missing: [String] = []
        if let plan {
            letters = try planned(plan, action, stores)
        } else {
            let all = try DLQCommand.letters(stores)
            if ids.isEmpty {
                letters = all.filter { filter.matches($0, at: now) }
            } else {
                letters = all.filter { letter in ids.contains(where: letter.isCalled) }
                missing = ids.filter { id in !letters.contains { $0.matches(id: id) } }
            }
        }
        guard !letters.isEmpty else {
            throw Failure.nothingMatched("nothing that matches lies in the dead-letter queue; nothing was changed")
        }
        let choice = Choice(
            letters: letters, plan: DeadLetterPlan(action, fingerprints: letters.map(\.message.fingerprint)),
            missing: missing)
        if all, !yes, !dryRun, !Terminal.confirms("\(action.rawValue) all \(letters.count) messages?") {
            throw Failure.failed("nothing was changed")
        }
        return choice
    }

    private func planned(
        _ digest: String, _ action: DeadLetterPlan.Action, _ stores: StoreSettings
    ) throws -> [DeadLetter] {
        let store = DeadLetterStore(try PostgresConnection.ofOperator(stores))
        guard let plan = try store.plan(digest), plan.action == action else {
            throw Failure.nothingMatched("no \(action.rawValue) was planned under the digest \(digest)")
        }
        let wanted = Set(plan.fingerprints)
        let letters = try DLQCommand.letters(stores).filter { wanted.contains($0.message.fingerprint) }
        let gone = plan.fingerprints.count - letters.count
        if gone > 0 { Terminal.note("\(gone) of the \(plan.fingerprints.count) planned messages lie there no more") }
        return letters
    }

    /// Shows what would go, and keeps it under its digest.
    func show(_ choice: Choice, _ stores: StoreSettings, _ output: OutputOptions) throws {
        try DeadLetterStore(try PostgresConnection.ofOperator(stores)).keep(choice.plan, by: Terminal.userName)
        let now = Timestamp.now()
        if output.json {
            return try Output.document(
                PlanDocument(
                    action: choice.plan.action.rawValue, digest: choice.plan.digest, count: choice.letters.count,
                    messages: choice.letters.map { DeadLetterLine($0, now: now) }))
        }
        Output.table(DeadLetterLine.table(choice.letters, now: now))
        let name = choice.plan.action.rawValue
        Output.line("\(choice.letters.count) messages would be \(name == "replay" ? "replayed" : "discarded")")
        Output.line("to do exactly that: claimctl dlq \(name) --plan \(choice.plan.digest)")
    }

    private struct PlanDocument: Encodable {
        let action: String
        let digest: String
        let count: Int
        let messages: [DeadLetterLine]
    }

    /// Ends a change that was carried out for some of the names only.
    func complain(about missing: [String]) throws {
        guard !missing.isEmpty else { return }
        throw Failure.failed("the rest is done, but nothing is called \(missing.joined(separator: ", "))")
    }
}
