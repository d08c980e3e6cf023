import Admin
import ArgumentParser
import Claims
import Logging
import NIOCore
import Observability
import RuntimeSupport
import ServiceLifecycle
import Settings
import Telemetry

@main
struct ClaimAPI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ClaimAPI",
        abstract: "Accepts claims over HTTP and responds with 202 after the publisher confirm.",
        discussion: APISettings.all.help)

    func run() async throws {
        Process.ignoreBrokenPipes()
        Process.allowManyConnections()
        let settings: APISettings
        do throws(SettingError) {
            let reader = SettingReader()
            let tracing = try TraceSettings.read(reader)
            try LogSettings(reader).bootstrap(metadataProvider: tracing == nil ? nil : .tracing)
            settings = try APISettings(reader)
        } catch {
            error.exitProcess(program: "ClaimAPI")
        }
        await StoreCheck.exitUnlessSuitable(settings.stores, program: "ClaimAPI")
        do {
            try await buildApplication(settings, logger: Logger(label: "ClaimAPI")).run()
        } catch let error as SettingError {
            error.exitProcess(program: "ClaimAPI")
        } catch let error as IOError {
            throw ListenError(
                host: settings.host, port: settings.port, hostSetting: APISettings.httpHost,
                portSetting: APISettings.httpPort, cause: error)
        }
    }
}
