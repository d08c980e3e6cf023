import ArgumentParser
import DeadLetters
import RuntimeSupport

/// The messages that a change is about, and whether to carry it out.
struct ChangeOptions: ParsableArguments {
    @Argument(help: "Claim ids, message ids or fingerprints.")
    var ids: [String] = []

    @OptionGroup(title: "Filters") var filters: FilterOptions

    @Flag(name: .long, help: "All messages. Asks first on a terminal; needs --yes otherwise.")
    var all = false

    @Option(name: .long, help: "Exactly the messages that a --dry-run showed with this digest.")
    var plan: String?

    @Flag(name: .long, help: "Change nothing; show the messages and the digest of the set.")
    var dryRun = false

    @Flag(name: .long, help: "Do not ask.")
    var yes = false

    /// Returns the selection that the options make.
    ///
    /// - Throws: ``Failure`` or `DeadLetterError` for wrong usage.
    func selection(for action: DeadLetterPlan.Action) throws -> DeadLetterSelection {
        let filter = try filters.filter()
        guard let selection = try? DeadLetterSelection(ids: ids, filter: filter, all: all, plan: plan) else {
            throw Failure.usage(
                "give exactly one of: IDs, filters, --all, --plan; see claimctl dlq \(action.rawValue) --help")
        }
        if plan != nil, dryRun { throw Failure.usage("--plan and --dry-run can't be combined") }
        return selection
    }

    /// Selects messages in the queue, and asks the operator before a change of all messages.
    ///
    /// - Throws: ``Failure`` for wrong usage or a no, or `DeadLetterError` if nothing matches.
    func change(_ action: DeadLetterPlan.Action, _ session: OperatorSession) throws -> DeadLetterChange {
        let selection = try selection(for: action)
        let asks = all && !yes
        if asks, !Terminal.isInteractive {
            throw Failure.usage("--all needs --yes without a terminal; nothing was changed")
        }
        let change = try DeadLetterChange(action, selection, session)
        if asks, !Terminal.confirms("\(action.rawValue) all \(change.count.counted("message"))?") {
            throw Failure.failed("not confirmed; nothing was changed")
        }
        return change
    }

    /// Selects messages in the queue, stores the change as a plan and shows it.
    func showPlan(_ action: DeadLetterPlan.Action, _ session: OperatorSession, _ output: OutputOptions) throws {
        let listing = DeadLetterListing(output, now: .now())
        let change = try DeadLetterChange(action, try selection(for: action), session, visit: listing.add)
        try change.store(session)
        if output.json { return try Self.showDocument(change.plan, listing) }
        try listing.show()
        let participle =
            switch action {
            case .replay: "replayed"
            case .discard: "discarded"
            }
        Output.line("\(change.count.counted("message")) would be \(participle)")
        Output.line("to do exactly that: claimctl dlq \(action) --plan \(change.plan.digest)")
    }

    /// Prints a plan with its messages as one JSON document, message by message.
    private static func showDocument(_ plan: DeadLetterPlan, _ listing: DeadLetterListing) throws {
        struct Head: Encodable {
            let action: DeadLetterPlan.Action
            let count: Int
            let digest: String
        }
        let head = try Output.json(
            Head(action: plan.action, count: plan.fingerprints.count, digest: plan.digest))
        var separator = "\(head.dropLast()),\"messages\":["
        try listing.forEachDocument { document in
            Output.text(separator + document)
            separator = ","
        }
        Output.line("]}")
    }
}
