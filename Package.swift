// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    // Lets tests see internal declarations in release builds too, so that they run against what is shipped.
    .unsafeFlags(["-enable-testing"]),
]

// The programs under test are optimized, the tests are not: optimizing them takes longer than it saves.
let tests = strict + [.unsafeFlags(["-Onone"])]

let package = Package(
    name: "claims",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "ClaimAPI", targets: ["ClaimAPI"]),
        .executable(name: "ClaimWorker", targets: ["ClaimWorker"]),
        .executable(name: "claimctl", targets: ["claimctl"]),
        .executable(name: "claimbench", targets: ["claimbench"]),
    ],
    dependencies: [
        // One trait: SwiftPM passes several in random order, and then compiles Hummingbird again in every second build.
        .package(
            url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: ["FullFoundation"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-algorithms.git", from: "1.2.1"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-http-structured-headers.git", from: "1.7.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CRabbitMQ", pkgConfig: "librabbitmq",
            providers: [.apt(["librabbitmq-dev"]), .brew(["rabbitmq-c"])]),
        .systemLibrary(
            name: "CHiredis", pkgConfig: "hiredis",
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        // The shared layers, bottom first. Each depends on layers above it in this list only, and the compiler enforces this.
        .target(
            name: "RuntimeSupport",
            dependencies: [
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Shared/RuntimeSupport", swiftSettings: strict),
        .target(
            name: "Settings",
            dependencies: [
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Shared/Settings", swiftSettings: strict),
        .target(
            name: "Observability",
            dependencies: [
                "RuntimeSupport", "Settings",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Shared/Observability", swiftSettings: strict),
        .target(
            name: "Admin",
            dependencies: [
                "Observability", "RuntimeSupport", "Settings",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Shared/Admin", swiftSettings: strict),
        .target(
            name: "Telemetry",
            dependencies: [
                "Observability", "Settings",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            path: "Sources/Shared/Telemetry", swiftSettings: strict),
        .target(
            name: "Broker",
            dependencies: [
                "CRabbitMQ", "RuntimeSupport",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Shared/Broker", swiftSettings: strict),
        .target(
            name: "Redis",
            dependencies: [
                "CHiredis", "RuntimeSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Shared/Redis", swiftSettings: strict),
        .target(
            name: "Postgres",
            dependencies: [
                "CPostgres", "RuntimeSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Shared/Postgres", swiftSettings: strict),
        .target(
            name: "Claims",
            dependencies: [
                "Broker", "Observability", "Postgres", "Redis", "RuntimeSupport", "Settings",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "RawStructuredFieldValues", package: "swift-http-structured-headers"),
            ],
            path: "Sources/Shared/Claims", resources: [.copy("Schema/Migrations")], swiftSettings: strict),
        .target(
            name: "DeadLetters",
            dependencies: [
                "Broker", "Claims", "Postgres", "Redis", "RuntimeSupport",
                .product(name: "Algorithms", package: "swift-algorithms"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            path: "Sources/Shared/DeadLetters", swiftSettings: strict),
        .target(
            name: "Audit",
            dependencies: [
                "Broker", "Claims", "DeadLetters", "Postgres", "Redis", "RuntimeSupport",
                .product(name: "Algorithms", package: "swift-algorithms"),
            ],
            path: "Sources/Shared/Audit", swiftSettings: strict),
        .executableTarget(
            name: "ClaimAPI",
            dependencies: [
                "Admin", "Audit", "Broker", "Claims", "DeadLetters", "Observability", "Postgres", "Redis",
                "RuntimeSupport", "Settings", "Telemetry",
                .product(name: "Algorithms", package: "swift-algorithms"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("openapi.json"), .copy("Console/Page")],
            swiftSettings: strict),
        .executableTarget(
            name: "ClaimWorker",
            dependencies: [
                "Admin", "Broker", "Claims", "Observability", "Postgres", "Redis", "RuntimeSupport", "Settings",
                "Telemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "claimctl",
            dependencies: [
                "Audit", "Broker", "Claims", "DeadLetters", "Postgres", "Redis", "RuntimeSupport", "Settings",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "claimbench",
            dependencies: [
                "RuntimeSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: strict),
        .testTarget(
            name: "SharedTests",
            dependencies: [
                "Admin", "Audit", "Broker", "Claims", "DeadLetters", "Observability", "Postgres", "Redis",
                "RuntimeSupport", "SeededRandom", "Settings", "Telemetry",
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ClaimWorkerTests",
            dependencies: [
                "Admin", "Broker", "ClaimWorker", "Claims", "Observability", "Postgres", "Redis", "RuntimeSupport",
                "SeededRandom", "Settings", "Telemetry",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ClaimAPITests",
            dependencies: [
                "Broker", "ClaimAPI", "Claims", "DeadLetters", "Observability", "Postgres", "Redis", "RuntimeSupport",
                "Settings",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ClaimCtlTests",
            dependencies: [
                "Broker", "Claims", "DeadLetters", "Postgres", "Redis", "RuntimeSupport", "claimctl",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ClaimBenchTests",
            dependencies: [
                "RuntimeSupport", "SeededRandom", "claimbench",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Broker", "Claims", "DeadLetters", "Postgres", "Redis", "RuntimeSupport", "Settings",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: tests),
    ],
    swiftLanguageModes: [.v6]
)
