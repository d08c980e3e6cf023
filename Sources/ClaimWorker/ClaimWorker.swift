import ArgumentParser
import Claims
import Logging
import Observability
import RuntimeSupport
import ServiceLifecycle
import Settings
import Telemetry

@main
struct ClaimWorker: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ClaimWorker",
        abstract: "Consumes claims from RabbitMQ, decides them in PostgreSQL and publishes the results.",
        discussion: WorkerSettings.all.help)

    func run() async throws {
        Process.ignoreBrokenPipes()
        let settings: WorkerSettings
        do throws(SettingError) {
            let reader = SettingReader()
            let tracing = try TraceSettings.read(reader)
            try LogSettings(reader).bootstrap(metadataProvider: tracing == nil ? nil : .tracing)
            settings = try WorkerSettings(reader)
        } catch {
            error.exitProcess(program: "ClaimWorker")
        }
        await StoreCheck.exitUnlessSuitable(settings.stores, program: "ClaimWorker")
        var logger = Logger(label: "ClaimWorker")
        logger[metadataKey: "worker.name"] = "\(settings.name)"
        try await buildWorker(settings, logger: logger).run()
    }
}
